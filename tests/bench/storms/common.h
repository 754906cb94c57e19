// What the storms share. A storm does one kind of traced work N times, at full speed or at RATE
// operations a second, and then prints one JSON object that says what a complete capture holds.
#pragma once

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A connection that ends with a reset changes state six times: the client goes CLOSE, SYN_SENT,
// ESTABLISHED, CLOSE, and the accepted socket LISTEN, SYN_RECV, ESTABLISHED, CLOSE.
enum { STATES_PER_CONNECTION = 6, STATES_PER_LISTENER = 2 };

struct storm {
  const char* name;
  unsigned long operations;
  double ns_per_operation;  // 0: full speed
  unsigned long paced;
  uint64_t started_ns;

  // What was done.
  unsigned long execs, connections, listeners;
};

static volatile unsigned long signals_handled;

static inline void die(const char* what) {
  perror(what);
  exit(1);
}

static inline uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// Reads the command line. The clock starts with storm_start, after the storm's own preparations.
static inline struct storm storm_parse(const char* name, int argc, char** argv) {
  struct storm storm = {.name = name};
  char *operations_end = "", *rate_end = "";
  double rate = 0;
  if (argc == 2 || argc == 3) storm.operations = strtoul(argv[1], &operations_end, 10);
  if (argc == 3) rate = strtod(argv[2], &rate_end);
  if (storm.operations == 0 || *operations_end || *rate_end || !(rate >= 0)) {
    fprintf(stderr, "usage: %s N [RATE]\n", name);
    exit(2);
  }
  storm.ns_per_operation = rate > 0 ? 1e9 / rate : 0;
  return storm;
}

static inline void storm_start(struct storm* storm) { storm->started_ns = now_ns(); }

// Called after each operation. Sleeps only when at least half a millisecond ahead: a sleep for each
// operation would bound the rate by the timer, so high rates come as bursts of a millisecond.
static inline void storm_pace(struct storm* storm) {
  if (storm->ns_per_operation == 0) return;
  storm->paced++;
  uint64_t due = storm->started_ns + (uint64_t)((double)storm->paced * storm->ns_per_operation);
  uint64_t now = now_ns();
  if (due < now + 500000) return;
  uint64_t ahead = due - now;
  struct timespec pause = {.tv_sec = (time_t)(ahead / 1000000000u),
                           .tv_nsec = (long)(ahead % 1000000000u)};
  nanosleep(&pause, NULL);
}

static inline double cpu_seconds(int who) {
  struct rusage usage;
  getrusage(who, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static inline void storm_print(const struct storm* storm) {
  double wall_ns = (double)(now_ns() - storm->started_ns);
  double operations = (double)storm->operations;
  printf(
      "{\"program\":\"%s\",\"pid\":%d,\"operations\":%lu,\"execs\":%lu,\"connections\":%lu,"
      "\"connection_states\":%lu,\"listener_states\":%lu,\"signals\":%lu,\"wall_s\":%.6f,"
      "\"ns_per_operation\":%.1f,\"operations_per_s\":%.0f,\"cpu_s\":%.3f}\n",
      storm->name, (int)getpid(), storm->operations, storm->execs, storm->connections,
      storm->connections * STATES_PER_CONNECTION, storm->listeners * STATES_PER_LISTENER,
      signals_handled, wall_ns * 1e-9, wall_ns / operations, operations * 1e9 / wall_ns,
      cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN));
  if (fflush(stdout)) die("stdout");
}

// ---- execs ----

static char noop_path[PATH_MAX + 8];

// noop lies beside the storm, so that a bench can run both from any build folder.
static inline void find_noop(void) {
  char self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) die("/proc/self/exe");
  self[length] = 0;
  snprintf(noop_path, sizeof noop_path, "%s/noop", dirname(self));
  if (access(noop_path, X_OK)) die(noop_path);
}

// vfork and not posix_spawn: the latter blocks all signals for a moment, and a SIGCHLD that arrives
// then is delivered although it is ignored, which makes the number of signals a matter of luck.
static inline void do_exec(struct storm* storm) {
  char *argv[] = {noop_path, NULL}, *environment[] = {NULL};
  pid_t child = vfork();
  if (child == 0) {
    execve(noop_path, argv, environment);
    _exit(127);
  }
  if (child < 0) die("vfork");
  int status;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) die("waitpid");
  }
  if (status != 0) {
    fprintf(stderr, "%s: exit status %#x\n", noop_path, (unsigned)status);
    exit(1);
  }
  storm->execs++;
}

// ---- signals ----

static inline void on_signal(int number) {
  (void)number;
  signals_handled++;
}

static inline void signals_open(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  if (sigaction(SIGUSR1, &action, NULL)) die("sigaction");
}

// A signal to the own thread is delivered before the system call returns, so none merge.
static inline void do_signal(pid_t self) {
  if (tgkill(self, self, SIGUSR1)) die("tgkill");
}

// Says whether each signal that was sent was handled.
static inline int signals_check(unsigned long sent) {
  if (signals_handled == sent) return 0;
  fprintf(stderr, "%lu signals sent, %lu handled\n", sent, signals_handled);
  return 1;
}

// ---- connections ----

static int listener = -1;
static struct sockaddr_in listener_address;

static inline void listener_open(struct storm* storm) {
  struct sockaddr* address = (struct sockaddr*)&listener_address;
  socklen_t length = sizeof listener_address;
  listener_address.sin_family = AF_INET;
  listener_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket");
  if (bind(listener, address, length)) die("bind");
  if (listen(listener, 128)) die("listen");
  if (getsockname(listener, address, &length)) die("getsockname");
  storm->listeners++;
}

// Closed before the storm prints, so that its last state change is in every capture.
static inline void listener_close(void) { close(listener); }

static inline void do_connection(struct storm* storm) {
  // The client closes with a reset: no TIME_WAIT, so ephemeral ports do not run out.
  struct linger reset = {.l_onoff = 1, .l_linger = 0};
  int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (client < 0) die("socket");
  if (setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset)) die("SO_LINGER");
  if (connect(client, (struct sockaddr*)&listener_address, sizeof listener_address)) {
    die("connect");
  }
  int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (accepted < 0) die("accept");
  close(client);
  close(accepted);
  storm->connections++;
}
