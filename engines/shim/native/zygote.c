/* The zygote: a small process that forks a shim for each run that it is given.
 *
 * It holds no run's lock, takes no notice of how shims end, and goes when its socket closes; shims
 * live on. A request is eight bytes and two descriptors (the run's lock, the order); the answer is
 * the eight bytes, the errno (0 for success) and the pid. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cgroup.h"
#include "crc32.h"
#include "processes.h"
#include "shim.h"
#include "starting.h"

#ifndef NARTHEX_BUILD
#define NARTHEX_BUILD ""
#endif

#define REQUEST_SIZE 8
#define FDS 2

struct answer {
    unsigned char number[REQUEST_SIZE];
    int32_t failure;
    uint32_t pid;
};

/* Takes a request; how many bytes it has, 0 at the end, -1 for an error. */
static ssize_t receive(int requests, unsigned char number[static REQUEST_SIZE], int fds[static FDS]) {
    union {
        char room[CMSG_SPACE(FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {number, REQUEST_SIZE};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    fds[0] = fds[1] = -1;
    ssize_t got;
    while ((got = recvmsg(requests, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), (count < FDS ? count : FDS) * sizeof(int));
    }
    return got;
}

static void answer(int requests, const unsigned char number[static REQUEST_SIZE], int failure,
                   pid_t pid) {
    struct answer said = {.failure = failure, .pid = (uint32_t)pid};
    memcpy(said.number, number, REQUEST_SIZE);
    if (send(requests, &said, sizeof said, MSG_NOSIGNAL) < 0) {
        _exit(0); /* the runner is gone: the shim that was made for it goes on by itself */
    }
}

static void serve(int requests, const char *group, const char *boot) {
    unsigned char number[REQUEST_SIZE];
    int fds[FDS];
    while (receive(requests, number, fds) == REQUEST_SIZE) {
        pid_t pid = -1;
        int failure = EBADF;
        if (fds[0] >= 0 && fds[1] >= 0) {
            pid = fork();
            failure = pid < 0 ? errno : 0;
        }
        if (pid == 0) {
            shim(fds[0], fds[1], group, boot);
        }
        close_quietly(fds[0]);
        close_quietly(fds[1]);
        answer(requests, number, failure, pid < 0 ? 0 : pid);
    }
}

int main(int count, char **words) {
    if (count == 2 && strcmp(words[1], "--build") == 0) {
        puts(NARTHEX_BUILD);
        return 0;
    }
    if (count == 6 && strcmp(words[1], "--shim") == 0) {
        /* A shim without a zygote, for one run: lock, order, control group and boot. */
        crc32_prepare();
        shim(atoi(words[2]), atoi(words[3]), words[4], words[5]);
    }
    if (count != 4) {
        fputs("this program is started by the gateway\n", stderr);
        return 2;
    }
    struct text group = {0};
    struct text boot = {0};
    int requests = atoi(words[1]);
    signal(SIGINT, SIG_IGN);
    errno = 0;
    if (nice(atoi(words[3])) == -1 && errno) {
        errno = 0; /* it goes on without standing back */
    }
    stand_back(STARTING_NICE, 0);
    boot_id(&boot);
    text_add(&group, "", 0);
    if (*words[2]) {
        cgroup_usable(&group);
    }
    signal(SIGCHLD, SIG_IGN); /* from here on the kernel reaps the shims */
    crc32_prepare();
    serve(requests, group.at, boot.at);
    text_free(&group);
    text_free(&boot);
    return 0;
}
