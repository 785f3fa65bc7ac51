/* Passing descriptors from process to process. */
#include "passing.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

union room {
    char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
    struct cmsghdr align;
};

bool send_fds(int through, const int *fds, size_t count) {
    union room control = {0};
    struct iovec part = {(char[]){'o'}, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    ssize_t put;
    while ((put = sendmsg(through, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
    }
    return put == 1;
}

ssize_t receive_fds(int through, void *data, size_t size, int fds[static MOST_FDS]) {
    union room control;
    struct iovec part = {data, size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    for (int i = 0; i < MOST_FDS; i++) {
        fds[i] = -1;
    }
    ssize_t got;
    while ((got = recvmsg(through, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
    }
    struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
        size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), (count < MOST_FDS ? count : MOST_FDS) * sizeof(int));
    }
    return got;
}

bool connected(int ends[static 2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}
