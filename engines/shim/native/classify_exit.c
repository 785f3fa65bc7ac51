/* How a run ended. */
#include "classify_exit.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "cgroup.h"
#include "words.h"

void fail_start(struct watch *watch, int number) {
    watch->failed = true;
    watch->failure.number = number;
    text_clear(&watch->failure.message);
    add_error(&watch->failure.message, number, NULL);
}

/* Fills in the kind, the code or the signal, and the sentence. */
static void judge(const struct watch *watch, struct ending *into) {
    if (watch->failed && watch->why == NULL) {
        into->kind = "start_failed";
        into->reason = error_name(watch->failure.number);
        text_add(&into->message, watch->failure.message.at, watch->failure.message.size);
        return;
    }
    struct text how = {0};
    if (WIFSIGNALED(watch->status)) {
        into->signal = WTERMSIG(watch->status);
        add_signal_name(&how, into->signal);
    } else {
        into->exit_code = WEXITSTATUS(watch->status);
        text_format(&how, "exit code %d", into->exit_code);
    }
    if (watch->why != NULL) {
        bool killed = strcmp(watch->why, "killed") == 0;
        into->kind = watch->why;
        into->exit_code = watch->failed ? -1 : into->exit_code;
        text_format(&into->message, "%s (%s)", killed ? "killed" : "stopped at its time limit",
                    how.at);
    } else if (into->signal < 0) {
        into->kind = "exited";
        text_format(&into->message, "ended with %s", how.at);
    } else if (into->signal == SIGKILL && *watch->group && cgroup_oom_kills(watch->group)) {
        into->kind = "out_of_memory";
        text_word(&into->message, "killed for want of memory");
    } else {
        into->kind = "signalled";
        text_format(&into->message, "ended by %s", how.at);
    }
    text_free(&how);
}

struct ending classify_exit(struct watch *watch) {
    struct ending made = ending_of("exited", "", "");
    judge(watch, &made);
    redact_text(&watch->hidden, &made.message);
    make_sentence(&made.message);
    made.started_ms = watch->started_ms;
    made.seconds = limit_elapsed(&watch->control.limit, watch->ended_at);
    made.bytes = watch->recorder->size;
    made.checksum = recorder_checksum(watch->recorder);
    made.dropped = watch->recorder->dropped;
    made.refused_line = watch->recorder->refused_line;
    return made;
}
