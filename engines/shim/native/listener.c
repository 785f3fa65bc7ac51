/* What wakes a shim. */
#include "listener.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int wake_open(void) {
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, NULL);
    int fd = signalfd(-1, &ended, SFD_NONBLOCK | SFD_CLOEXEC);
    kill(getpid(), SIGCHLD); /* what ended before its end was listened for wakes us as well */
    return fd;
}

void wake_empty(int fd) {
    struct signalfd_siginfo news[4];
    while (read(fd, news, sizeof news) > 0) {
    }
}

int listener_open(bool *named) {
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* By its name in the working directory, for a socket's path may not be long. */
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = LISTENER};
    *named = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) == 0;
    return fd;
}

void listener_empty(int fd) {
    char knocks[4096];
    while (read(fd, knocks, sizeof knocks) > 0) {
    }
}

void do_not_wait(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}
