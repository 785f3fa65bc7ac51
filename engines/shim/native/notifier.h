/* What a shim sends to its runner: that there is news. See engines/shim/notifier.py. */
#ifndef NARTHEX_NOTIFIER_H
#define NARTHEX_NOTIFIER_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base.h"

struct notifier {
    int fd;
    struct sockaddr_un to;
    socklen_t to_size; /* 0 for nobody */
    struct text message;
    double last;
    double busy;
    double owed; /* NEVER if nothing is */
};

void notifier_open(struct notifier *one, const char *path, const char *run_id);
/* Says that there is news; never waits. */
void notify(struct notifier *one, double now);
/* Sends what is owed by now. */
void notifier_settle(struct notifier *one, double now);
/* Notifies for the last time, waiting a little for a full socket. */
void notifier_end(struct notifier *one);

#endif
