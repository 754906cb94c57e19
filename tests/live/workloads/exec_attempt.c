// exec_attempt HOW PATH [ARG...]: one attempt to execute PATH with the arguments PATH ARG...
//
// HOW is
//   execve     by path
//   thread     the same, from a second thread
//   at         execveat of the path's last component, relative to a descriptor of its directory
//   empty      execveat of a descriptor of PATH, with AT_EMPTY_PATH
//   badpath    execve of a path that is not in memory
//   badargv    execve with arguments that are not in memory
//   toobig     execve with one more argument, of 256 KiB: more than one may have
//   forbidden  execve, but a seccomp filter answers every execve with EPERM
//
// Before it, a line: {"pid", "tid"} of the thread that tries. Should it fail, another one: {"errno"},
// and the program goes on to exit with 0.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TOO_BIG = 256 * 1024 };

static const char *how;
static char **arguments;  // ends with NULL
static char *environment[] = {NULL};

static void die(const char *what) {
    perror(what);
    _exit(1);
}

static void forbid(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) die("no_new_privs");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) die("seccomp");
}

static int is(const char *name) { return strcmp(how, name) == 0; }

static void *attempt(void *unused) {
    char *path = arguments[0];
    (void)unused;
    dprintf(STDOUT_FILENO, "{\"pid\":%d,\"tid\":%d}\n", (int)getpid(), (int)gettid());
    if (is("execve") || is("thread") || is("forbidden")) {
        if (is("forbidden")) forbid();
        syscall(SYS_execve, path, arguments, environment);
    } else if (is("at")) {
        char *copy = strdup(path), *name = strdup(path);
        int directory = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0) die(path);
        syscall(SYS_execveat, directory, basename(name), arguments, environment, 0);
    } else if (is("empty")) {
        int file = open(path, O_PATH | O_CLOEXEC);
        if (file < 0) die(path);
        syscall(SYS_execveat, file, "", arguments, environment, AT_EMPTY_PATH);
    } else if (is("badpath")) {
        syscall(SYS_execve, (char *)8, arguments, environment);
    } else if (is("badargv")) {
        syscall(SYS_execve, path, (char **)8, environment);
    } else if (is("toobig")) {
        int count = 0;
        while (arguments[count]) count++;
        char **more = calloc((size_t)count + 2, sizeof *more), *big = malloc(TOO_BIG + 1);
        if (!more || !big) die("memory");
        memcpy(more, arguments, (size_t)count * sizeof *more);
        memset(big, 'x', TOO_BIG);
        big[TOO_BIG] = 0;
        more[count] = big;
        syscall(SYS_execve, path, more, environment);
    } else {
        fprintf(stderr, "exec_attempt: what is %s?\n", how);
        _exit(2);
    }
    dprintf(STDOUT_FILENO, "{\"errno\":%d}\n", errno);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: exec_attempt HOW PATH [ARG...]\n");
        return 2;
    }
    how = argv[1];
    arguments = argv + 2;
    if (is("thread")) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, attempt, NULL)) die("thread");
        pthread_join(thread, NULL);
    } else {
        attempt(NULL);
    }
    return 0;
}
