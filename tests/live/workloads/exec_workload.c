// exec_workload N NOOP: N + 3 execs of the program NOOP by fork and execve, each waited for.
//
//   marker  N times: "marker", the index, "square=" and the square of the index
//   long    one: 100 KiB of arguments, LONG_BYTES with their NULs. Byte k of the block is NUL when
//           k % 64 == 63, else 33 + (7 * k + k / 64) % 94: 1,600 printable arguments of 63 bytes.
//   bytes   one: bytes that are not UTF-8, every control character, quotes and escapes
//   empty   one: argv[0] is empty, and so are an argument in the middle and the last one
//
// One line for each exec: {"what", "pid", "ppid", "exe", "argc", "args_bytes", "argv_hex"}, where
// argv_hex is the exact argument block, each argument with its NUL, in hexadecimal.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONG_BYTES = 100 * 1024, LONG_ARGUMENT = 64 };

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void print_json_string(const char *text) {
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        } else if (*c < 0x20) {
            printf("\\u%04x", *c);
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

// Executes noop with the arguments in block: strings one after another, each with its NUL.
static void run_exec(const char *what, char *noop, char *block, size_t bytes) {
    int argc = 0;
    for (size_t i = 0; i < bytes; i++) argc += block[i] == 0;
    char **argv = calloc((size_t)argc + 1, sizeof *argv), *environment[] = {NULL};
    if (!argv) die("calloc");
    char *next = block;
    for (int i = 0; i < argc; i++) {
        argv[i] = next;
        next += strlen(next) + 1;
    }

    pid_t child = fork();
    if (child == 0) {
        execve(noop, argv, environment);
        _exit(127);
    }
    if (child < 0) die("fork");
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) die("waitpid");
    }
    if (status != 0) {
        fprintf(stderr, "%s: exit status %#x\n", noop, (unsigned)status);
        exit(1);
    }
    free(argv);

    printf("{\"what\":\"%s\",\"pid\":%d,\"ppid\":%d,\"exe\":", what, (int)child, (int)getpid());
    print_json_string(noop);
    printf(",\"argc\":%d,\"args_bytes\":%zu,\"argv_hex\":\"", argc, bytes);
    for (size_t i = 0; i < bytes; i++) printf("%02x", (unsigned char)block[i]);
    puts("\"}");
    // Nothing may stay in the buffer, or the next child would have a copy of it.
    if (fflush(stdout)) die("stdout");
}

int main(int argc, char **argv) {
    char *end = "";
    unsigned long markers = argc == 3 ? strtoul(argv[1], &end, 10) : 0;
    if (argc != 3 || end == argv[1] || *end) {
        fprintf(stderr, "usage: exec_workload N NOOP\n");
        return 2;
    }
    char *noop = argv[2];

    for (unsigned long i = 0; i < markers; i++) {
        char block[80];
        int length = snprintf(block, sizeof block, "marker%c%lu%csquare=%lu", 0, i, 0, i * i);
        run_exec("marker", noop, block, (size_t)length + 1);
    }

    static char long_block[LONG_BYTES];
    for (int k = 0; k < LONG_BYTES; k++) {
        int is_end = k % LONG_ARGUMENT == LONG_ARGUMENT - 1;
        long_block[k] = is_end ? 0 : (char)(33 + (7 * k + k / LONG_ARGUMENT) % 94);
    }
    run_exec("long", noop, long_block, sizeof long_block);

    // Wrong in UTF-8 in turn: bytes that never occur, a lone continuation, an overlong form, a
    // surrogate, a character cut short. The last NUL is the one that C adds.
    char bytes_block[] =
        "bytes\0"
        "\xff\xfe\x80\0"
        "\xc0\xaf\0"
        "\xed\xa0\x80\0"
        "\xe2\x82\0"
        "\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\0"
        "\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f\0"
        "line\nbreak\0"
        "\x1b[31mred\x1b[0m\0"
        "\"double\" 'single' back\\slash $dollar `tick`\0"
        "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7";
    run_exec("bytes", noop, bytes_block, sizeof bytes_block);

    char empty_block[] = "\0before\0\0after\0";
    run_exec("empty", noop, empty_block, sizeof empty_block);
}
