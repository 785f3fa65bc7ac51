/* The shim: it says who it is before the task can exist, so that "no shim file" proves "never ran".
 *
 * It records what the task says, ends it when that is requested or its time is up, and writes how
 * the run ended once, when no process of the run is left. */
#include "shim.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "listener.h"
#include "passing.h"
#include "processes.h"
#include "run_dir.h"
#include "starting.h"
#include "supervisor.h"

#define UMASK 0077
#define FIRST_FD 3
#define HIGH 64

static void close_from(int first) {
    if (syscall(SYS_close_range, (unsigned int)first, ~0U, 0) == 0) {
        return;
    }
    for (int fd = first; fd < 1024; fd++) {
        close(fd);
    }
}

/* Leaves the zygote's session, signals and descriptors; the given ones become 3 and so on. */
static void detach(int *fds, int count) {
    static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGXFSZ};
    setsid();
    stand_back(STARTING_NICE, 0);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        signal(ignored[i], SIG_IGN);
    }
    /* Ignored would be lost in a task that is not yet itself when it is killed. */
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, NULL);
    /* The zygote has the kernel reap its children; how those of a shim end is the shim's to know. */
    signal(SIGCHLD, SIG_DFL);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool good = null >= 0;
    for (int i = 0; i < count; i++) { /* out of the way first: any may have another's number */
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH);
        good = good && fds[i] >= 0;
    }
    if (!good) {
        _exit(1);
    }
    for (int fd = 0; fd <= 2; fd++) {
        dup2(null, fd);
    }
    for (int i = 0; i < count; i++) {
        dup3(fds[i], FIRST_FD + i, O_CLOEXEC);
        fds[i] = FIRST_FD + i;
    }
    close_from(FIRST_FD + count);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* How the run ended; only the shim of a run that was not killed before lets a task go. */
static struct ending run_task(struct run *run) {
    double grace;
    if (kill_requested(run->order->run, 0, &grace)) {
        if (run->ahead != NULL) {
            child_abandon(run->ahead);
        }
        return ending_of("killed_before_start", "killed before the start", "");
    }
    return supervise(run);
}

static const char *run_id(const char *folder) {
    const char *slash = strrchr(folder, '/');
    return slash != NULL ? slash + 1 : folder;
}

/* Whether the order makes sense; decoded, and its directory the working one. */
static bool take_order(int message, struct order *order) {
    size_t size = 0;
    char *data = order_data(message, &size);
    bool good = data != NULL && order_decode(data, size, false, order) && chdir(order->run) == 0;
    if (data != NULL) {
        munmap(data, size); /* the arguments and the environment may be large */
    }
    return good;
}

/* Looks after one run to its end. The child, if there is one ahead, has its order. */
static _Noreturn void look_after(const struct making *making, const struct text *fact,
                                 struct child *ahead) {
    struct order order;
    struct recorder recorder;
    struct notifier notifier;
    /* The fact is made durable before the task is let go. */
    if (!take_order(making->message, &order) ||
        recorder_open(&recorder, order.run, order.bounds.output_bytes) ||
        state_fact(order.run, "shim", fact, false)) {
        if (ahead != NULL) {
            child_abandon(ahead);
        }
        cgroup_remove(making->group);
        _exit(1);
    }
    notifier_open(&notifier, order.notifier, run_id(order.run));
    struct run run = {&order, &recorder, &notifier, making->group, *making, ahead};
    struct ending ending = run_task(&run);
    cgroup_remove(making->group);
    unlink(LISTENER);
    state_ending(order.run, &ending);
    notifier_end(&notifier);
    _exit(0);
}

/* The control group of this shim's run, and who it is as it states it. */
static struct making prepare(const char *parent, const char *boot, struct text *fact) {
    static struct text group;
    char owner[OWNER_SIZE];
    owner_of(getpid(), owner);
    cgroup_make(parent, owner, &group);
    encode_shim(getpid(), start_time(getpid()), boot, group.at, fact);
    return (struct making){-1, group.at, umask(UMASK)};
}

void shim(int lock, int message, const char *parent, const char *boot) {
    struct text fact = {0};
    int fds[] = {lock, message};
    detach(fds, 2);
    struct making making = prepare(parent, boot, &fact);
    making.message = fds[1];
    look_after(&making, &fact, NULL);
}

void shim_ahead(int orders, const char *parent, const char *boot) {
    struct text fact = {0};
    struct child child;
    int fds[MOST_FDS];
    char word;
    detach(&orders, 1);
    struct making making = prepare(parent, boot, &fact);
    if (child_make(&child, &making)) {
        cgroup_remove(making.group);
        _exit(1);
    }
    /* The lock is held by this descriptor from here on, until this process dies. */
    if (receive_fds(orders, &word, sizeof word, fds) <= 0 || fds[0] < 0 || fds[1] < 0) {
        child_abandon(&child);
        cgroup_remove(making.group);
        _exit(0);
    }
    close(orders);
    making.message = fds[1];
    if (child_instruct(&child, making.message)) {
        look_after(&making, &fact, &child);
    }
    child_abandon(&child);
    look_after(&making, &fact, NULL);
}
