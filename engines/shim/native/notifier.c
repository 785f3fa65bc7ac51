/* What a shim sends to its runner. */
#include "notifier.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define GAP_SECONDS 0.002
#define BUSY_SECONDS 0.01
#define MOST_BUSY_SECONDS 1.0
#define LAST_TRIES 20
#define LAST_PAUSE_NS 5000000

void notifier_open(struct notifier *one, const char *path, const char *run_id) {
    *one = (struct notifier){.fd = -1, .busy = BUSY_SECONDS, .owed = NEVER};
    size_t size = strlen(path);
    text_byte(&one->message, 'o');
    text_word(&one->message, run_id);
    if (!size || size >= sizeof one->to.sun_path) {
        return;
    }
    one->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (one->fd < 0) {
        return;
    }
    one->to.sun_family = AF_UNIX;
    memcpy(one->to.sun_path, path, size + 1);
    one->to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
}

void notify(struct notifier *one, double now) {
    if (one->to_size) {
        double due = one->last + GAP_SECONDS > now ? one->last + GAP_SECONDS : now;
        one->owed = due < one->owed ? due : one->owed;
    }
    notifier_settle(one, now);
}

void notifier_settle(struct notifier *one, double now) {
    if (now < one->owed) {
        return;
    }
    one->owed = NEVER;
    one->last = now;
    ssize_t sent = sendto(one->fd, one->message.at, one->message.size, MSG_NOSIGNAL,
                          (struct sockaddr *)&one->to, one->to_size);
    if (sent >= 0) {
        one->busy = BUSY_SECONDS;
    } else if (errno == EAGAIN) {
        one->owed = now + one->busy;
        one->busy = one->busy * 2 < MOST_BUSY_SECONDS ? one->busy * 2 : MOST_BUSY_SECONDS;
    }
}

void notifier_end(struct notifier *one) {
    notify(one, now_seconds());
    for (int i = 0; i < LAST_TRIES && one->owed < NEVER; i++) {
        struct timespec pause = {.tv_nsec = LAST_PAUSE_NS};
        nanosleep(&pause, NULL);
        notifier_settle(one, now_seconds());
    }
}
