/* The zygote: a small process that has a shim ready for each run that it is given.
 *
 * It holds no run's lock, takes no notice of how shims end, and goes when its socket closes; shims
 * live on. A request is eight bytes and two descriptors (the run's lock, the order); the answer is
 * the eight bytes, the errno (0 for success) and the pid. One shim is forked ahead of its run, and
 * by that what will be its task, so that a start need not wait for a fork. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cgroup.h"
#include "crc32.h"
#include "limit_groups.h"
#include "passing.h"
#include "processes.h"
#include "shim.h"
#include "starting.h"

#ifndef NARTHEX_BUILD
#define NARTHEX_BUILD ""
#endif

#define REQUEST_SIZE 8
#define REST_MS 10

struct answer {
    unsigned char number[REQUEST_SIZE];
    int32_t failure;
    uint32_t pid;
};

/* A shim that waits for a run; no pid if there is none. */
struct spare {
    pid_t pid;
    int orders;
    char owner[OWNER_SIZE];
};

static void answer(int requests, const unsigned char number[static REQUEST_SIZE], int failure,
                   pid_t pid) {
    struct answer said = {.failure = failure, .pid = (uint32_t)pid};
    memcpy(said.number, number, REQUEST_SIZE);
    if (send(requests, &said, sizeof said, MSG_NOSIGNAL) < 0) {
        _exit(0); /* the runner is gone: the shim that was made for it goes on by itself */
    }
}

/* Whether the next run comes before the last one had the processors for its first moments. */
static bool is_asked(int requests) {
    struct pollfd one = {requests, POLLIN, 0};
    return poll(&one, 1, REST_MS) > 0;
}

/* Has a shim wait for its run; it goes if this process goes before. */
static struct spare ahead(const char *group, const char *boot) {
    struct spare made = {0};
    int ends[2];
    if (!connected(ends)) {
        return made;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        shim_ahead(ends[1], group, boot);
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return made;
    }
    made.pid = pid;
    made.orders = ends[0];
    owner_of(pid, made.owner);
    return made;
}

/* Gives a run to the shim that waits; false if none does. */
static bool hand_over(const struct spare *spare, const int fds[static MOST_FDS],
                      const char *parent) {
    if (!spare->pid) {
        return false;
    }
    bool taken = send_fds(spare->orders, fds, MOST_FDS);
    close(spare->orders);
    if (!taken) {
        struct text group = {0};
        cgroup_name(parent, spare->owner, &group);
        cgroup_remove(group.at);
        text_free(&group);
    }
    return taken;
}

static void serve(int requests, const char *group, const char *boot) {
    unsigned char number[REQUEST_SIZE];
    int fds[MOST_FDS];
    struct spare spare = ahead(group, boot);
    for (;;) {
        if (!spare.pid && !is_asked(requests)) {
            spare = ahead(group, boot);
        }
        if (receive_fds(requests, number, REQUEST_SIZE, fds) != REQUEST_SIZE) {
            return;
        }
        pid_t pid = -1;
        int failure = EBADF;
        if (fds[0] >= 0 && fds[1] >= 0) {
            pid = hand_over(&spare, fds, group) ? spare.pid : fork();
            failure = pid < 0 ? errno : 0;
            spare.pid = 0;
        }
        if (pid == 0) {
            shim(fds[0], fds[1], group, boot);
        }
        for (int i = 0; i < MOST_FDS; i++) {
            close_quietly(fds[i]);
        }
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
    if (count == 5 && strcmp(words[1], "--ahead") == 0) {
        /* One that waits for its run: where that comes from, control group and boot. */
        crc32_prepare();
        shim_ahead(atoi(words[2]), words[3], words[4]);
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
        limit_groups_find(group.at);
    }
    signal(SIGCHLD, SIG_IGN); /* from here on the kernel reaps the shims */
    crc32_prepare();
    serve(requests, group.at, boot.at);
    text_free(&group);
    text_free(&boot);
    return 0;
}
