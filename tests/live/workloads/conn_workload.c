// conn_workload N 4|6: N TCP connections, one after another, over 127.0.0.1 or ::1.
//
// The server is a child, which makes its own listener; the client is the first process. The client
// sends a message, the server echoes it, the client closes first, and the server closes upon the
// end of file, so each connection ends gracefully and the client's end goes into TIME_WAIT.
//
// The first line is {"family", "connections", "server_port", "server_pid", "client_pid"}; then one
// line for each connection: {"client_port", "server_port", "client_pid", "server_pid", "bytes"},
// where bytes is what each side sent.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

// What the server says of a connection that it has closed.
struct served {
    int client_port;
    int bytes;
};

static void die(const char *what) {
    perror(what);
    _exit(1);
}

static union address loopback(int family) {
    union address address = {0};
    if (family == 4) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_addr = in6addr_loopback;
    }
    return address;
}

// The two families keep their port in the same place.
static int port_of(const union address *address) { return ntohs(address->v4.sin_port); }

static socklen_t length_of(const union address *address) {
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

static int open_socket(const union address *address) {
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) die("socket");
    return fd;
}

static union address local_address(int fd) {
    union address address;
    socklen_t length = sizeof address;
    if (getsockname(fd, &address.any, &length)) die("getsockname");
    return address;
}

// A short write to a pipe or a loopback socket with an empty buffer does not happen.
static void write_all(int fd, const void *data, size_t size) {
    if (write(fd, data, size) != (ssize_t)size) die("write");
}

static void read_all(int fd, void *data, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t got = read(fd, (char *)data + done, size - done);
        if (got < 0) die("read");
        if (got == 0) {
            fprintf(stderr, "the other side has closed too early\n");
            _exit(1);
        }
        done += (size_t)got;
    }
}

static void serve(union address address, unsigned long count, int reports) {
    int listener = open_socket(&address), one = 1;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one)) die("SO_REUSEADDR");
    if (bind(listener, &address.any, length_of(&address))) die("bind");
    if (listen(listener, 128)) die("listen");
    address = local_address(listener);
    write_all(reports, &address, sizeof address);

    for (unsigned long i = 0; i < count; i++) {
        union address peer;
        socklen_t length = sizeof peer;
        int fd = accept4(listener, &peer.any, &length, SOCK_CLOEXEC);
        if (fd < 0) die("accept");
        struct served served = {.client_port = port_of(&peer)};
        char buffer[256];
        ssize_t got;
        while ((got = read(fd, buffer, sizeof buffer)) > 0) {
            write_all(fd, buffer, (size_t)got);
            served.bytes += (int)got;
        }
        if (got < 0) die("read");
        close(fd);
        write_all(reports, &served, sizeof served);
    }
}

int main(int argc, char **argv) {
    char *end = "";
    unsigned long count = argc == 3 ? strtoul(argv[1], &end, 10) : 0;
    int family = argc == 3 ? atoi(argv[2]) : 0;
    if (argc != 3 || end == argv[1] || *end || (family != 4 && family != 6)) {
        fprintf(stderr, "usage: conn_workload N 4|6\n");
        return 2;
    }

    int reports[2];
    if (pipe(reports)) die("pipe");
    pid_t client = getpid(), server = fork();
    if (server < 0) die("fork");
    if (server == 0) {
        // The server dies with the client, so that an aborted test leaves nothing behind.
        if (prctl(PR_SET_PDEATHSIG, SIGKILL)) die("prctl");
        close(reports[0]);
        serve(loopback(family), count, reports[1]);
        _exit(0);
    }
    close(reports[1]);

    union address address;
    read_all(reports[0], &address, sizeof address);
    int server_port = port_of(&address);
    printf("{\"family\":%d,\"connections\":%lu,\"server_port\":%d,\"server_pid\":%d,"
           "\"client_pid\":%d}\n",
           family, count, server_port, (int)server, (int)client);

    for (unsigned long i = 0; i < count; i++) {
        int fd = open_socket(&address);
        if (connect(fd, &address.any, length_of(&address))) die("connect");
        union address local = local_address(fd);
        char message[64], echo[64];
        int length = snprintf(message, sizeof message, "connection %lu\n", i);
        write_all(fd, message, (size_t)length);
        read_all(fd, echo, (size_t)length);
        if (memcmp(message, echo, (size_t)length)) {
            fprintf(stderr, "connection %lu: the echo differs\n", i);
            return 1;
        }
        // All that was sent has been read, so this is a FIN and not a reset.
        close(fd);

        // The next starts when the server has closed too: the states of two never interleave.
        struct served served;
        read_all(reports[0], &served, sizeof served);
        if (served.client_port != port_of(&local) || served.bytes != length) {
            fprintf(stderr, "connection %lu: served other than sent\n", i);
            return 1;
        }
        printf("{\"client_port\":%d,\"server_port\":%d,\"client_pid\":%d,\"server_pid\":%d,"
               "\"bytes\":%d}\n",
               served.client_port, server_port, (int)client, (int)server, length);
    }

    int status;
    if (waitpid(server, &status, 0) != server || status != 0) {
        fprintf(stderr, "the server failed\n");
        return 1;
    }
    return fflush(stdout) ? 1 : 0;
}
