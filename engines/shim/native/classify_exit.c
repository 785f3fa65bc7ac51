/* How a run ended. */
#include "classify_exit.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "words.h"

void fail_start(struct watch *watch, int number) {
    watch->failed = true;
    watch->failure.number = number;
    text_clear(&watch->failure.message);
    add_error(&watch->failure.message, number, NULL);
}

/* Which limit was felt; both if it may have been either. */
static void add_limit(struct text *to, uint64_t own, const char *unit, uint64_t shared) {
    if (own) {
        text_format(to, "%" PRIu64 "%s", own, unit);
    }
    if (shared) {
        text_format(to, "%s%" PRIu64 "%s of all tasks of its user", own ? ", or " : "", shared, unit);
    }
}

/* Says what limits had to do with an ending that came by itself. */
static void explain(const struct watch *watch, struct ending *into) {
    const struct bounds *bounds = &watch->order->bounds;
    struct counts felt = limits_counts(&watch->limits);
    struct text most = {0};
    text_add(&most, "", 0);
    if (bounds->memory_bytes || bounds->user_memory_bytes) {
        text_word(&most, " (");
        add_limit(&most, bounds->memory_bytes, " bytes", bounds->user_memory_bytes);
        text_byte(&most, ')');
    }
    if (felt.killed && into->exit_code == 0) {
        text_format(&into->message, "; %" PRIu64 " of its processes were killed for want of memory%s",
                    felt.killed, most.at);
    } else if (felt.killed) {
        struct text before = into->message;
        into->message = (struct text){0};
        into->kind = "out_of_memory";
        text_format(&into->message, "killed for want of memory%s: %s", most.at, before.at);
        text_free(&before);
    }
    if (felt.refused) {
        text_word(&into->message, "; processes limit reached (");
        add_limit(&into->message, bounds->processes, "", bounds->user_processes);
        text_byte(&into->message, ')');
    }
    text_free(&most);
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
    } else {
        into->kind = into->signal < 0 ? "exited" : "signalled";
        text_format(&into->message, into->signal < 0 ? "ended with %s" : "ended by %s", how.at);
        explain(watch, into);
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
