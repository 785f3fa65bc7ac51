/* The process that becomes the task: forked ahead, told what it is to be, and let go.
 *
 * It leaves nothing of the shim behind: own session, default signals, three descriptors, the
 * task's limits. It executes nothing before it is let go. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "json_read.h"
#include "limit_groups.h"
#include "order.h"
#include "passing.h"
#include "processes.h"
#include "sandbox.h"
#include "starting.h"
#include "words.h"

#define NOT_STARTED 127
#define GATE 3 /* which of the pairs is the gate */
#define HIGH 64 /* out of the way of the number that is promised for the file of progress */
#define REPORT_BYTES 4096
#define MOST_NUMBER 1000000
#define DEFAULT_PATH "/bin:/usr/bin"

/* The ends of the pipes that the child keeps. */
struct ends {
    int out;
    int err;
    int report;
    int gate;
};

static _Noreturn void give_up(int report, int number, const struct text *message) {
    struct text data = {0};
    int32_t code = number;
    text_add(&data, &code, sizeof code);
    text_add(&data, message->at, message->size);
    size_t size = data.size < REPORT_BYTES ? data.size : REPORT_BYTES;
    _exit(write(report, data.at, size) < 0 ? NOT_STARTED - 1 : NOT_STARTED);
}

static _Noreturn void refuse(int report, int number, const char *path) {
    struct text message = {0};
    add_error(&message, number, path);
    give_up(report, number, &message);
}

static void close_between(unsigned int first, unsigned int last) {
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0) {
        return;
    }
    for (unsigned int fd = first; fd <= last && fd < 1024; fd++) {
        close((int)fd);
    }
}

/* Leaves everything of the parent's behind but the given descriptors. */
static void leave(const struct making *how, bool inside, pid_t parent, struct ends *ends) {
    /* A session of its own, so that a script's `kill 0` does not reach the shim. */
    setsid();
    stand_back(STARTING_NICE, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
        refuse(ends->report, errno, NULL);
    }
    if (getppid() != parent) {
        _exit(NOT_STARTED);
    }
    if (*how->group && !inside) {
        int failure = cgroup_enter(how->group);
        if (failure) {
            refuse(ends->report, failure, NULL);
        }
    }
    if (dup2(ends->out, 1) < 0 || dup2(ends->err, 2) < 0) {
        refuse(ends->report, errno, NULL);
    }
    /* While one of the others is open here, its other end does not see that the parent is gone. */
    unsigned int low = (unsigned int)(ends->report < ends->gate ? ends->report : ends->gate);
    unsigned int high = (unsigned int)(ends->report < ends->gate ? ends->gate : ends->report);
    close_between(3, low - 1);
    close_between(low + 1, high - 1);
    close_between(high + 1, ~0U);
    write_file("/proc/self/oom_score_adj", "500", 3);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction now;
        if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN) {
            signal(number, SIG_DFL);
        }
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        refuse(ends->report, errno, NULL);
    }
    umask(how->umask);
}

static int limit(int which, uint64_t value) {
    struct rlimit now;
    if (!value) {
        return 0;
    }
    if (getrlimit((__rlimit_resource_t)which, &now) < 0) {
        return errno;
    }
    rlim_t allowed = now.rlim_max == RLIM_INFINITY || value < now.rlim_max ? value : now.rlim_max;
    struct rlimit wanted = {allowed, allowed};
    return setrlimit((__rlimit_resource_t)which, &wanted) < 0 ? errno : 0;
}

static void limit_all(const struct bounds *bounds, unsigned int held, int report) {
    uint64_t processes = held & 1U << LIMIT_PIDS ? 0 : bounds->processes;
    uint64_t memory = held & 1U << LIMIT_MEMORY ? 0 : bounds->memory_bytes;
    int failure = limit(RLIMIT_NPROC, processes);
    failure = failure ? failure : limit(RLIMIT_AS, memory);
    failure = failure ? failure : limit(RLIMIT_NOFILE, bounds->open_files);
    failure = failure ? failure : limit(RLIMIT_FSIZE, bounds->file_bytes);
    struct rlimit core;
    if (!failure && getrlimit(RLIMIT_CORE, &core) == 0) {
        core.rlim_cur = 0;
        failure = setrlimit(RLIMIT_CORE, &core) < 0 ? errno : 0;
    }
    if (failure) {
        refuse(report, failure, NULL);
    }
}

/* Opens the file of progress under the number that is promised; a run goes without if need be. */
static void open_progress(const struct order *order) {
    const char *number = variable(order, "NARTHEX_PROGRESS_FD");
    const char *path = variable(order, "NARTHEX_PROGRESS");
    if (number == NULL || path == NULL || !*number ||
        number[strspn(number, "0123456789")] != '\0') {
        return;
    }
    long wanted = strtol(number, NULL, 10);
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    int fd = wanted > MOST_NUMBER ? -1 : open(path, flags, 0600);
    if (fd >= 0 && dup2(fd, (int)wanted) >= 0) {
        fcntl((int)wanted, F_SETFD, 0);
    }
}

static void open_stdin(const struct order *order, int report) {
    if (order->stdin_path[0]) {
        int fd = open(order->stdin_path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            refuse(report, errno, order->stdin_path);
        }
        dup2(fd, 0);
        close(fd);
    }
}

/* Executes the program, searched for as a shell would; reports the error that says most. */
static _Noreturn void execute(const struct order *order, int report) {
    const char *program = order->argv.at[0];
    if (strchr(program, '/') != NULL) {
        execve(program, order->argv.at, order->environment.at);
        refuse(report, errno, program);
    }
    const char *path = variable(order, "PATH");
    struct text tried = {0};
    struct text first = {0};
    int first_failure = 0;
    int failure;
    path = path != NULL ? path : DEFAULT_PATH;
    for (;;) {
        size_t size = strcspn(path, ":");
        text_clear(&tried);
        text_add(&tried, path, size);
        if (size && tried.at[size - 1] != '/') {
            text_byte(&tried, '/');
        }
        text_word(&tried, program);
        execve(tried.at, order->argv.at, order->environment.at);
        failure = errno;
        if (failure != ENOENT && failure != ENOTDIR && !first_failure) {
            first_failure = failure;
            text_word(&first, tried.at);
        }
        if (!path[size]) {
            break;
        }
        path += size + 1;
    }
    struct text message = {0};
    failure = first_failure ? first_failure : failure;
    add_search_error(&message, failure, first_failure ? first.at : tried.at);
    give_up(report, failure, &message);
}

static struct ends move_up(const struct ends *given) {
    struct ends moved = *given;
    moved.report = fcntl(given->report, F_DUPFD_CLOEXEC, HIGH);
    moved.gate = fcntl(given->gate, F_DUPFD_CLOEXEC, HIGH);
    if (moved.report < 0 || moved.gate < 0) {
        refuse(given->report, errno, NULL);
    }
    return moved;
}

/* The order, which comes through the gate; false if there will never be one. */
static bool receive_order(int gate, struct order *order) {
    int fds[MOST_FDS];
    char word;
    size_t size = 0;
    if (receive_fds(gate, &word, sizeof word, fds) <= 0) {
        return false;
    }
    char *data = order_data(fds[0], &size);
    close_quietly(fds[0]);
    return data != NULL && order_decode(data, size, true, order);
}

/* Returns in a process inside of a sandbox; the others end as that one does. */
static void enclose(const struct order *order, pid_t parent, int report) {
    const char *culprit = NULL;
    int failure = 0;
    for (int fd = 1; fd <= 2 && order->sandbox.uid && !failure; fd++) {
        /* By the name /dev/stdout they are opened anew. */
        failure = fchown(fd, order->sandbox.uid, order->sandbox.uid) ? errno : 0;
    }
    failure = failure ? failure
                      : sandbox_enter(&order->sandbox, order->directory, parent, &culprit);
    if (failure) {
        refuse(report, failure, culprit);
    }
    stand_back(STARTING_NICE, 0);
}

/* Turns this forked process into the task when it is told to. */
static _Noreturn void become(const struct making *how, bool inside, pid_t parent,
                             const struct ends *given) {
    struct order order;
    struct ends ends = move_up(given);
    leave(how, inside, parent, &ends);
    if (!receive_order(ends.gate, &order)) {
        _exit(NOT_STARTED);
    }
    open_progress(&order);
    open_stdin(&order, ends.report);
    if (chdir(order.directory) < 0) {
        refuse(ends.report, errno, order.directory);
    }
    bool walls = order.sandbox.wanted && !order.flaw[0];
    const struct bounds *bounds = &order.bounds;
    bool limited = bounds->memory_bytes || bounds->processes || bounds->cpu_weight ||
                   bounds->user_memory_bytes || bounds->user_processes || bounds->user_cpu_weight;
    if (walls && !limited) {
        /* While the disk does what it has to before the task may be let go. */
        enclose(&order, parent, ends.report);
    }
    unsigned char held;
    ssize_t got;
    while ((got = read(ends.gate, &held, 1)) < 0 && errno == EINTR) {
    }
    if (got != 1) {
        _exit(NOT_STARTED);
    }
    if (walls && limited) {
        /* All its processes belong into the groups of the limits, in which this one is now. */
        enclose(&order, parent, ends.report);
    }
    limit_all(&order.bounds, held, ends.report);
    if (order.flaw[0]) {
        struct text message = {0};
        text_word(&message, order.flaw);
        give_up(ends.report, 0, &message);
    }
    if (order.environment.at == NULL) {
        order.environment.at = grab(sizeof(char *));
        order.environment.at[0] = NULL;
    }
    execute(&order, ends.report);
}

static bool is_pipe(int ends[static 2]) {
    return pipe2(ends, O_CLOEXEC) == 0;
}

int child_make(struct child *one, const struct making *how) {
    int pairs[4][2];
    int count = 0;
    while (count < 4 && (count == GATE ? connected(pairs[count]) : is_pipe(pairs[count]))) {
        count++;
    }
    pid_t parent = getpid();
    bool inside = false;
    pid_t pid = count == 4 ? cgroup_fork(how->group, &inside) : -1;
    if (pid == 0) {
        struct ends ends = {pairs[0][1], pairs[1][1], pairs[2][1], pairs[GATE][1]};
        when_out_of_memory = end_process;
        become(how, inside, parent, &ends);
    }
    int failure = pid < 0 ? errno : 0;
    for (int i = 0; i < count; i++) {
        close(pairs[i][1]);
        if (failure) {
            close(pairs[i][0]);
        }
    }
    if (!failure) {
        *one = (struct child){pid, pairs[0][0], pairs[1][0], pairs[2][0], pairs[GATE][0]};
    }
    return failure;
}

bool child_instruct(const struct child *one, int message) {
    return send_fds(one->gate, &message, 1);
}

void child_release(struct child *one, unsigned int held) {
    unsigned char word = (unsigned char)held;
    ssize_t put = send(one->gate, &word, 1, MSG_NOSIGNAL);
    (void)put; /* if it could not get ready its report says why */
    close_quietly(one->gate);
    one->gate = -1;
}

void child_abandon(struct child *one) {
    close_quietly(one->gate);
    close_quietly(one->out);
    close_quietly(one->err);
    close_quietly(one->report);
    while (waitpid(one->pid, NULL, __WALL) < 0 && errno == EINTR) {
    }
}

/* A long message was cut anywhere: half a character at its end is replaced, as all do that. */
static void drop_torn_character(struct text *one) {
    size_t back = 0;
    while (back < one->size && back < 3 &&
           ((unsigned char)one->at[one->size - 1 - back] & 0xC0) == 0x80) {
        back++;
    }
    if (back < one->size && !is_utf8(one->at + one->size - 1 - back, back + 1)) {
        one->size -= back + 1;
        text_word(one, "\xEF\xBF\xBD");
    }
}

bool child_failure(int report, struct failure *into) {
    char data[REPORT_BYTES];
    ssize_t got = read(report, data, sizeof data);
    int32_t code = 0;
    if (got <= 0) {
        return false;
    }
    if (got >= (ssize_t)sizeof code) {
        memcpy(&code, data, sizeof code);
        text_add(&into->message, data + sizeof code, (size_t)got - sizeof code);
    }
    into->number = code;
    text_add(&into->message, "", 0);
    drop_torn_character(&into->message);
    return true;
}
