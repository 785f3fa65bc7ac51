/* The walls around a task: namespaces of its own in which it sees what it needs and nothing else.
 *
 * Three processes stand between the shim and the task. The first is what the shim knows: it waits
 * and ends as the task ends, to the signal. The second is the first process of the task's own
 * process namespace: it made the task's view of the disk and reaps there, and with it everything
 * inside dies. The third becomes the task, which never gets a capability. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "processes.h"
#include "view.h"

#define NOT_STARTED 127
#define MOST_CAPABILITIES 64
#define CREATE_RULESET 444 /* of Landlock, as of the next */
#define RESTRICT_SELF 446
#define VERSION_OF_RULES 1
#define SCOPES_SINCE 6   /* Linux 6.12 */
#define SCOPE_OF_NAMES 1 /* sockets without a file */

static int map_one(const char *of, const char *file, unsigned own, unsigned other) {
    char path[64];
    char line[64];
    int size = snprintf(line, sizeof line, "%u %u 1", own, own);
    if (other) {
        size = snprintf(line, sizeof line, "%u %u 1\n%u %u 1", own, own, other, other);
    }
    snprintf(path, sizeof path, "/proc/%s/%s", of, file);
    return write_file(path, line, (size_t)size);
}

/* Says for a process what users are known in its namespace, from outside. */
static _Noreturn void tell_users(int ready, pid_t waiting, unsigned uid) {
    char word;
    char of[16];
    int failure = NOT_STARTED;
    snprintf(of, sizeof of, "%d", waiting);
    if (read(ready, &word, 1) == 1) {
        failure = map_one(of, "uid_map", geteuid(), uid);
        failure = failure ? failure : map_one(of, "gid_map", getegid(), uid);
    }
    _exit(failure);
}

/* Goes into a namespace of users, and has children in one of processes. To know a second user takes
 * somebody outside who may be any. */
static int become_somebody(unsigned uid) {
    char own[] = "self";
    unsigned user = geteuid();
    unsigned group = getegid();
    if (!uid) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWPID)) {
            return errno;
        }
        int failure = write_file("/proc/self/setgroups", "deny", 4);
        failure = failure ? failure : map_one(own, "uid_map", user, 0);
        return failure ? failure : map_one(own, "gid_map", group, 0);
    }
    int ready[2];
    pid_t waiting = getpid();
    if (pipe2(ready, O_CLOEXEC)) {
        return errno;
    }
    pid_t helper = fork();
    if (helper == 0) {
        close(ready[1]);
        tell_users(ready[0], waiting, uid);
    }
    close(ready[0]);
    int failure = helper < 0 || unshare(CLONE_NEWUSER | CLONE_NEWPID) ? errno : 0;
    if (!failure && write(ready[1], "g", 1) < 0) {
        failure = errno;
    }
    close(ready[1]);
    int status = 0;
    while (helper > 0 && waitpid(helper, &status, 0) < 0 && errno == EINTR) {
    }
    return failure ? failure : WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
}

/* Closes all but one, or two, descriptors. */
static void let_go(int kept, int other) {
    int low = kept < other ? kept : other;
    int high = kept < other ? other : kept;
    if (low > 0) {
        syscall(SYS_close_range, 0U, (unsigned)low - 1, 0U);
    }
    if (high > low + 1) {
        syscall(SYS_close_range, (unsigned)low + 1, (unsigned)high - 1, 0U);
    }
    syscall(SYS_close_range, (unsigned)high + 1, ~0U, 0U);
}

/* Waits for the end of the task and ends in the same way. */
static _Noreturn void stand_for(pid_t first, int received, int holding) {
    int status;
    ssize_t got;
    for (int number = 1; number < NSIG; number++) {
        signal(number, number == SIGCHLD ? SIG_DFL : SIG_IGN);
    }
    let_go(received, holding);
    close(holding);
    while ((got = read(received, &status, sizeof status)) < 0 && errno == EINTR) {
    }
    if (got != sizeof status) {
        while (waitpid(first, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (WIFSIGNALED(status)) {
        struct rlimit none = {0, 0};
        sigset_t empty;
        setrlimit(RLIMIT_CORE, &none);
        sigemptyset(&empty);
        signal(WTERMSIG(status), SIG_DFL);
        sigprocmask(SIG_SETMASK, &empty, NULL);
        kill(getpid(), WTERMSIG(status));
        _exit(128 + WTERMSIG(status));
    }
    _exit(WEXITSTATUS(status));
}

/* Collects whatever ends inside, says how the task did, and goes when nobody is left. */
static _Noreturn void reap_inside(pid_t task, int reported, int holding) {
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    let_go(reported, holding);
    close(holding);
    for (;;) {
        int status;
        pid_t ended = waitpid(-1, &status, __WALL);
        if (ended == task) {
            /* What it left behind goes on for as long as the shim lets it. */
            prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
            ssize_t put = write(reported, &status, sizeof status);
            (void)put; /* who waits for it is told by our own end otherwise */
            close(reported);
        } else if (ended < 0 && errno != EINTR) {
            _exit(0);
        }
    }
}

/* Whether nobody is at the other end of a pipe any more: then its death was not noticed. */
static bool is_broken(int pipe_end) {
    struct pollfd one = {pipe_end, 0, 0};
    return poll(&one, 1, 0) != 0;
}

static int raise_loopback(void) {
    struct ifreq asked = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int failure = any_socket < 0 || ioctl(any_socket, SIOCSIFFLAGS, &asked) ? errno : 0;
    close_quietly(any_socket);
    return failure;
}

/* Is from now on no more than a user, another one if the number is not 0. */
static int give_up_rights(unsigned uid) {
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    for (int number = 0; number < MOST_CAPABILITIES; number++) {
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0)) {
            break; /* this kernel knows no more of them */
        }
    }
    if (uid && (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))) {
        return errno;
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        return errno;
    }
    return 0;
}

/* Sockets without a file, of whoever is outside, cannot be connected to from now on. */
static int scope_names(void) {
    struct {
        uint64_t files, network, scoped;
    } rules = {.scoped = SCOPE_OF_NAMES};
    if (syscall(CREATE_RULESET, NULL, 0, VERSION_OF_RULES) < SCOPES_SINCE) {
        return 0; /* an older kernel, or one without: what the network lets through stays */
    }
    int fd = (int)syscall(CREATE_RULESET, &rules, sizeof rules, 0U);
    int failure = fd < 0 || syscall(RESTRICT_SELF, fd, 0U) ? errno : 0;
    close_quietly(fd);
    return failure;
}

static int install_filter(const struct text *steps) {
    struct sock_fprog program = {
        .len = (unsigned short)(steps->size / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(void *)steps->at,
    };
    return steps->size && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) ? errno : 0;
}

/* The first process of the namespace; returns in the one that becomes the task. */
static int begin_inside(const struct sandbox *box, int reported, int holding,
                        const char **culprit) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (is_broken(reported)) {
        _exit(NOT_STARTED);
    }
    bool own = strcmp(box->network, "host") != 0;
    /* Not before: a change of the root is one for everybody in a namespace of mounts. */
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | (own ? CLONE_NEWNET : 0))) {
        return errno;
    }
    int failure = strcmp(box->network, "loopback") == 0 ? raise_loopback() : 0;
    failure = failure ? failure : view_enter(box, culprit);
    if (failure) {
        return failure;
    }
    pid_t task = fork();
    if (task > 0) {
        reap_inside(task, reported, holding);
    }
    return task < 0 ? errno : 0;
}

int sandbox_enter(const struct sandbox *box, const char *directory, pid_t parent,
                  const char **culprit) {
    int ends[2];
    int guard[2];
    *culprit = NULL;
    int failure = become_somebody(box->uid);
    if (failure) {
        return failure;
    }
    if (pipe2(ends, O_CLOEXEC) || pipe2(guard, O_CLOEXEC)) {
        return errno;
    }
    pid_t first = fork();
    if (first < 0) {
        return errno;
    }
    if (first > 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (getppid() != parent) {
            _exit(NOT_STARTED);
        }
        stand_for(first, ends[0], guard[1]);
    }
    close(ends[0]);
    failure = begin_inside(box, ends[1], guard[1], culprit);
    if (failure) {
        return failure;
    }
    close(guard[1]);
    close(ends[1]);
    setsid();
    failure = give_up_rights(box->uid);
    if (failure) {
        return failure;
    }
    if (chdir(directory)) {
        *culprit = directory;
        return errno;
    }
    failure = scope_names();
    failure = failure ? failure : install_filter(&box->filter);
    /* Who waits for the task may still hold its pipes, and then its exec could not be told by them. */
    char word;
    while (!failure && read(guard[0], &word, 1) < 0 && errno == EINTR) {
    }
    close(guard[0]);
    return failure;
}

pid_t inmost(pid_t pid, pid_t *first) {
    struct pids below = {0};
    /* The first child of the only child: as long as the task lives nothing was born before it. */
    children(pid, &below);
    *first = below.count ? below.at[0] : 0;
    below.count = 0;
    if (*first) {
        children(*first, &below);
    }
    pid_t task = below.count ? below.at[0] : 0;
    pids_free(&below);
    return task;
}
