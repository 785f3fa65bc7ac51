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
#include "doorbell.h"
#include "processes.h"
#include "run_dir.h"
#include "starting.h"
#include "supervisor.h"

#define UMASK 0077
#define LOCK_FD 3
#define HIGH 64
#define MOST_ORDER (1 << 28)

static void close_from(int first) {
    if (syscall(SYS_close_range, (unsigned int)first, ~0U, 0) == 0) {
        return;
    }
    for (int fd = first; fd < 1024; fd++) {
        close(fd);
    }
}

/* Leaves the zygote's session, signals and descriptors. */
static void detach(int lock, int *message) {
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
    int high_lock = fcntl(lock, F_DUPFD_CLOEXEC, HIGH);
    int high_message = fcntl(*message, F_DUPFD_CLOEXEC, HIGH);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (high_lock < 0 || high_message < 0 || null < 0) {
        _exit(1);
    }
    for (int fd = 0; fd <= 2; fd++) {
        dup2(null, fd);
    }
    dup3(high_lock, LOCK_FD, O_CLOEXEC);
    dup3(high_message, LOCK_FD + 1, O_CLOEXEC);
    close_from(LOCK_FD + 2);
    *message = LOCK_FD + 1;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* The order, which is memory that nobody writes to any more; NULL if there is none. */
static char *order_data(int message, size_t *size) {
    struct stat facts;
    if (fstat(message, &facts) < 0 || facts.st_size <= 0 || facts.st_size > MOST_ORDER) {
        return NULL;
    }
    *size = (size_t)facts.st_size;
    char *data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, message, 0);
    return data == MAP_FAILED ? NULL : data;
}

/* How the run ended; only the shim of a run that was not killed before lets a task go. */
static struct ending run_task(struct run *run) {
    double grace;
    if (kill_requested(run->order->run, 0, &grace)) {
        return ending_of("killed_before_start", "killed before the start", "");
    }
    return supervise(run);
}

static bool state_shim(const char *folder, const char *boot, const char *group) {
    struct text fact = {0};
    encode_shim(getpid(), start_time(getpid()), boot, group, &fact);
    int failure = state_fact(folder, "shim", &fact, false); /* durable before the task is let go */
    text_free(&fact);
    return !failure;
}

static const char *run_id(const char *folder) {
    const char *slash = strrchr(folder, '/');
    return slash != NULL ? slash + 1 : folder;
}

void shim(int lock, int message, const char *parent, const char *boot) {
    struct text group = {0};
    struct order order;
    struct recorder recorder;
    struct notifier notifier;
    size_t size = 0;
    char owner[64];
    detach(lock, &message);
    snprintf(owner, sizeof owner, "%d-%llu", getpid(), start_time(getpid()));
    cgroup_make(parent, owner, &group);
    mode_t mask = umask(UMASK);
    char *data = order_data(message, &size);
    close(message);
    if (data == NULL || !order_decode(data, size, false, &order) || chdir(order.run) < 0 ||
        recorder_open(&recorder, order.run, order.bounds.output_bytes) ||
        !state_shim(order.run, boot, group.at)) {
        cgroup_remove(group.at);
        _exit(1);
    }
    notifier_open(&notifier, order.notifier, run_id(order.run));
    struct run run = {&order, &recorder, &notifier, group.at, {data, size, group.at, mask}};
    struct ending ending = run_task(&run);
    cgroup_remove(group.at);
    unlink(DOORBELL);
    state_ending(order.run, &ending);
    notifier_end(&notifier);
    _exit(0);
}
