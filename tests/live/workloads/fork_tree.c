// fork_tree DEPTH NOOP: a chain of processes, DEPTH forks deep; the deepest executes NOOP.
//
// The first process has depth 0. Each sets its comm to "depth-<i>", forks the next and awaits it.
// One line for each process, in order of depth: {"depth", "pid", "ppid", "comm", "execs"}, where
// execs is true for the deepest only; its comm is then the name of NOOP. The exit code goes up the
// chain, so 0 means that every process did its part.
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_DEPTH = 1000 };

static void die(const char *what) {
    perror(what);
    _exit(1);
}

static void print_process(int depth, const char *comm, bool execs) {
    // One write, and before the fork: lines are whole and in order, also through a pipe.
    if (dprintf(STDOUT_FILENO,
                "{\"depth\":%d,\"pid\":%d,\"ppid\":%d,\"comm\":\"%s\",\"execs\":%s}\n", depth,
                (int)getpid(), (int)getppid(), comm, execs ? "true" : "false") < 0) {
        die("stdout");
    }
}

int main(int argc, char **argv) {
    char *end = "";
    long depths = argc == 3 ? strtol(argv[1], &end, 10) : -1;
    if (depths < 0 || depths > MAX_DEPTH || end == argv[1] || *end) {
        fprintf(stderr, "usage: fork_tree DEPTH NOOP (DEPTH from 0 to %d)\n", MAX_DEPTH);
        return 2;
    }
    char *noop = argv[2];

    for (int depth = 0;; depth++) {
        char comm[16];
        snprintf(comm, sizeof comm, "depth-%d", depth);
        if (prctl(PR_SET_NAME, comm)) die("prctl");
        print_process(depth, comm, depth == depths);
        if (depth == depths) {
            char *arguments[] = {noop, NULL}, *environment[] = {NULL};
            execve(noop, arguments, environment);
            die(noop);
        }
        pid_t child = fork();
        if (child < 0) die("fork");
        if (child == 0) {
            // Dies with its parent, so that an aborted test leaves nothing behind.
            if (prctl(PR_SET_PDEATHSIG, SIGKILL)) die("prctl");
            continue;
        }
        int status;
        if (waitpid(child, &status, 0) != child) die("waitpid");
        return status == 0 ? 0 : 1;
    }
}
