/* What the sanitizers do by default: the zygote is given no environment to say it in. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

/* A report ends the process by SIGABRT; its text goes to a file, as nobody reads what it says. */
const char *__asan_default_options(void) {
    return "detect_leaks=0:abort_on_error=1:log_path=" REPORTS;
}

const char *__ubsan_default_options(void) {
    return "print_stacktrace=1:abort_on_error=1:log_path=" REPORTS;
}
