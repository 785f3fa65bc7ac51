/* What a kill did. */
#include "kill_report.h"

#include <inttypes.h>
#include <sys/wait.h>

#include "json_write.h"

void report_begin(struct kill_report *one, const char *why, double grace, bool whole) {
    *one = (struct kill_report){.kept = true,
                                .stale = true,
                                .why = why,
                                .grace_seconds = grace,
                                .grace_whole = whole,
                                .begun_ms = now_ms()};
}

void report_signalled(struct kill_report *one, int number, const struct pids *hit) {
    if (!one->kept || !hit->count) {
        return;
    }
    size_t place = 0;
    while (place < one->signal_count && one->signals[place].number != number) {
        place++;
    }
    if (place == REPORT_SIGNALS) {
        return;
    }
    struct signalled *said = &one->signals[place];
    if (place == one->signal_count) {
        one->signal_count++;
        *said = (struct signalled){.number = number, .first_ms = now_ms()};
    }
    said->last_ms = now_ms();
    said->sent += hit->count;
    size_t before = said->count;
    for (size_t i = 0; i < hit->count && said->count < REPORT_MOST; i++) {
        size_t known = 0;
        while (known < before && said->pids[known] != hit->at[i]) {
            known++;
        }
        if (known == before) {
            said->pids[said->count++] = hit->at[i];
        }
    }
    one->stale = true;
}

void report_died(struct kill_report *one, pid_t pid, int status) {
    if (!one->kept) {
        return;
    }
    one->died++;
    one->stale = true;
    if (one->death_count < REPORT_MOST) {
        one->deaths[one->death_count++] = (struct death){pid, now_ms(), status};
    }
}

static void add_pids(struct text *to, const pid_t *pids, size_t count) {
    text_byte(to, '[');
    for (size_t i = 0; i < count && i < REPORT_MOST; i++) {
        text_format(to, i ? ", %d" : "%d", pids[i]);
    }
    text_byte(to, ']');
}

void report_encode(struct kill_report *one, const struct pids *left, const char *proof,
                   struct text *into) {
    one->stale = false;
    text_word(into, "{\"why\": ");
    json_add_word(into, one->why);
    text_word(into, ", \"grace_seconds\": ");
    if (one->grace_whole) {
        text_format(into, "%.0f", one->grace_seconds);
    } else {
        json_add_double(into, one->grace_seconds);
    }
    text_format(into, ", \"begun_ms\": %" PRId64 ", \"at_ms\": %" PRId64 ", \"signals\": [",
                one->begun_ms, now_ms());
    for (size_t i = 0; i < one->signal_count; i++) {
        const struct signalled *said = &one->signals[i];
        text_format(into, "%s[%d, %" PRId64 ", %" PRId64 ", %" PRIu64 ", ", i ? ", " : "",
                    said->number, said->first_ms, said->last_ms, said->sent);
        add_pids(into, said->pids, said->count);
        text_byte(into, ']');
    }
    text_format(into, "], \"died\": %" PRIu64 ", \"deaths\": [", one->died);
    for (size_t i = 0; i < one->death_count; i++) {
        const struct death *death = &one->deaths[i];
        text_format(into, "%s[%d, %" PRId64 ", ", i ? ", " : "", death->pid, death->at_ms);
        if (WIFEXITED(death->status)) {
            text_format(into, "%d, null]", WEXITSTATUS(death->status));
        } else {
            text_format(into, "null, %d]", WTERMSIG(death->status));
        }
    }
    text_word(into, "], \"left\": ");
    add_pids(into, left->at, left->count);
    text_word(into, ", \"proof\": ");
    json_add_word(into, proof);
    text_word(into, "}\n");
}
