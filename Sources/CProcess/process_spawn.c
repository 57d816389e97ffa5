#define _GNU_SOURCE
#include "process_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// The C library of the oldest system we build on may lack these; the numbers are the same on every architecture we run on.
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

enum { standard_descriptors = 3 };

struct failure {
    int step;
    int error;
};

// ---- In the child, before exec: async-signal-safe calls only, and nothing of the parent's memory is changed ----

[[noreturn]] static void give_up(int report, int step, int error)
{
    const struct failure failure = {step, error};
    // Eight bytes into an empty pipe: never partial. If it fails, the parent still sees exit code 127.
    ssize_t ignored = write(report, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

static void reset_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL); // refused for KILL, STOP and the C library's own: they need none
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

struct directory_entry { // what getdents64 writes (getdents(2))
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/// Marks every descriptor close-on-exec from /proc, for kernels before 5.11. Opendir would allocate, so by system call.
static int mark_by_proc(void)
{
    int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    _Alignas(struct directory_entry) char buffer[4096];
    long count;
    while ((count = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < count;) {
            const struct directory_entry *entry = (const struct directory_entry *)(buffer + at);
            int descriptor = 0;
            const char *digit = entry->name;
            while (*digit >= '0' && *digit <= '9')
                descriptor = descriptor * 10 + (*digit++ - '0');
            if (digit != entry->name)
                fcntl(descriptor, F_SETFD, FD_CLOEXEC);
            at += entry->length;
        }
    }
    close(folder);
    return count < 0 ? -1 : 0;
}

static int mark_all_close_on_exec(int open_files)
{
    if (syscall(SYS_close_range, 0U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return 0;
    if (mark_by_proc() == 0)
        return 0;
    for (int descriptor = 0; descriptor < open_files; descriptor++)
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return 0;
}

/// Puts the wanted descriptors in their places. Two steps, since one's source may be another's destination: first all
/// sources (and the report pipe) to numbers above every destination, then down into place, where dup2 clears
/// close-on-exec.
static int place_descriptors(const struct process_spawn_request *request, int *moved, int *report, int open_files)
{
    if (mark_all_close_on_exec(open_files) < 0)
        return -1;
    int above = standard_descriptors;
    for (size_t i = 0; i < request->descriptor_count; i++)
        if (request->descriptors[i].child >= above)
            above = request->descriptors[i].child + 1;
    int safe = fcntl(*report, F_DUPFD_CLOEXEC, above);
    if (safe < 0)
        return -1;
    *report = safe;
    int given[standard_descriptors] = {0};
    for (size_t i = 0; i < request->descriptor_count; i++) {
        moved[i] = fcntl(request->descriptors[i].parent, F_DUPFD_CLOEXEC, above);
        if (moved[i] < 0)
            return -1;
        if (request->descriptors[i].child < standard_descriptors)
            given[request->descriptors[i].child] = 1;
    }
    for (size_t i = 0; i < request->descriptor_count; i++)
        if (dup2(moved[i], request->descriptors[i].child) < 0)
            return -1;
    // A closed standard descriptor would be taken by the first file that the program opens.
    for (int descriptor = 0; descriptor < standard_descriptors; descriptor++) {
        if (given[descriptor])
            continue;
        close(descriptor);
        int null = open("/dev/null", O_RDWR); // the lowest free number: this one
        if (null < 0)
            return -1;
        if (null != descriptor) {
            errno = EBADF;
            return -1;
        }
    }
    return 0;
}

static int resource_number(int resource)
{
    switch (resource) {
    case PROCESS_RESOURCE_ADDRESS_SPACE: return RLIMIT_AS;
    case PROCESS_RESOURCE_OPEN_FILES: return RLIMIT_NOFILE;
    case PROCESS_RESOURCE_CORE_SIZE: return RLIMIT_CORE;
    case PROCESS_RESOURCE_FILE_SIZE: return RLIMIT_FSIZE;
    case PROCESS_RESOURCE_CPU_SECONDS: return RLIMIT_CPU;
    default: return -1;
    }
}

/// The soft limit before process_raise_open_files raised it; 0 where it did not.
static _Atomic uint64_t open_files_before;

/// Before the limits that were asked for, which win.
static int restore_open_files(void)
{
    uint64_t before = atomic_load(&open_files_before);
    struct rlimit limit;
    if (before == 0)
        return 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -1;
    if (limit.rlim_cur > before)
        limit.rlim_cur = (rlim_t)before;
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static int apply_limits(const struct process_spawn_request *request)
{
    if (restore_open_files() < 0)
        return -1;
    for (size_t i = 0; i < request->limit_count; i++) {
        int number = resource_number(request->limits[i].resource);
        if (number < 0) {
            errno = EINVAL;
            return -1;
        }
        struct rlimit limit;
        if (getrlimit((__rlimit_resource_t)number, &limit) < 0)
            return -1;
        rlim_t wanted = (rlim_t)request->limits[i].value;
        if (limit.rlim_max != RLIM_INFINITY && wanted > limit.rlim_max)
            wanted = limit.rlim_max;
        limit.rlim_cur = wanted;
        limit.rlim_max = wanted;
        if (setrlimit((__rlimit_resource_t)number, &limit) < 0)
            return -1;
    }
    return 0;
}

[[noreturn]] static void run_child(
    const struct process_spawn_request *request, int *moved, int report, pid_t parent, int open_files)
{
    reset_signals();
    int joined = 0;
    if (request->group == PROCESS_GROUP_NEW)
        joined = setpgid(0, 0);
    else if (request->group == PROCESS_GROUP_NEW_SESSION)
        joined = setsid() < 0 ? -1 : 0;
    if (joined < 0)
        give_up(report, PROCESS_STEP_GROUP, errno);
    if (request->parent_death_signal != 0) {
        if (prctl(PR_SET_PDEATHSIG, (unsigned long)request->parent_death_signal, 0, 0, 0) < 0)
            give_up(report, PROCESS_STEP_PARENT, errno);
        // The parent may have died before prctl took effect; then no signal would ever come.
        if (getppid() != parent)
            give_up(report, PROCESS_STEP_PARENT, ESRCH);
    }
    if (place_descriptors(request, moved, &report, open_files) < 0)
        give_up(report, PROCESS_STEP_DESCRIPTORS, errno);
    if (request->working_directory && chdir(request->working_directory) < 0)
        give_up(report, PROCESS_STEP_DIRECTORY, errno);
    if (apply_limits(request) < 0)
        give_up(report, PROCESS_STEP_LIMITS, errno);
    if (request->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        give_up(report, PROCESS_STEP_PRIVILEGES, errno);
    execve(request->program, request->arguments, request->environment);
    give_up(report, PROCESS_STEP_EXEC, errno);
}

// ---- In the parent ----

static int failed(struct process_spawn_result *result, int step, int error)
{
    result->step = step;
    result->error = error;
    return -1;
}

static void stop_ignoring_children(void)
{
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
        memset(&action, 0, sizeof action);
        action.sa_handler = SIG_DFL;
        sigaction(SIGCHLD, &action, NULL);
    }
}

struct child {
    const struct process_spawn_request *request;
    int *moved;
    int report;
    pid_t parent;
    int open_files;
};

static int begin_child(void *context)
{
    const struct child *child = context;
    run_child(child->request, child->moved, child->report, child->parent, child->open_files);
}

// The child's frames and the 4 KiB that mark_by_proc reads into, with room to spare.
enum { child_stack_bytes = 64 << 10 };

/// Starts the child on this process's memory, as vfork does, with a stack of its own; this thread goes on once the child
/// has executed its program or ended. Copying the memory's map, as fork does, is most of what a small resident process
/// pays for starting a helper. All signals are blocked meanwhile, so that no handler of ours runs in the child.
static pid_t start_child(struct child *child, sigset_t *before)
{
    sigset_t all;
    char *stack = mmap(
        NULL, child_stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    pid_t pid = clone(begin_child, stack + child_stack_bytes, CLONE_VM | CLONE_VFORK | SIGCHLD, child);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, before, NULL);
    munmap(stack, child_stack_bytes);
    errno = error;
    return pid;
}

int process_spawn(const struct process_spawn_request *request, struct process_spawn_result *result)
{
    *result = (struct process_spawn_result){.pid = -1, .pidfd = -1};
    stop_ignoring_children();
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return failed(result, PROCESS_STEP_PREPARE, errno);
    int *moved = calloc(request->descriptor_count + 1, sizeof *moved);
    if (!moved) {
        close(report[0]);
        close(report[1]);
        return failed(result, PROCESS_STEP_PREPARE, ENOMEM);
    }
    struct rlimit files = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &files);
    int open_files = files.rlim_cur > 1 << 20 ? 1 << 20 : (int)files.rlim_cur;
    pid_t parent = getpid();

    struct child child = {request, moved, report[1], parent, open_files};
    sigset_t before;
    pid_t pid = start_child(&child, &before);
    int fork_error = errno;
    close(report[1]);
    free(moved);
    if (pid < 0) {
        close(report[0]);
        return failed(result, PROCESS_STEP_FORK, fork_error);
    }

    struct failure failure = {0, 0};
    ssize_t count;
    do
        count = read(report[0], &failure, sizeof failure);
    while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == (ssize_t)sizeof failure) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        return failed(result, failure.step, failure.error);
    }
    result->pid = pid;
    // The child is not reaped yet, so the number is still its own.
    result->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return 0;
}

int process_has_ended(pid_t pid, int wait)
{
    siginfo_t info;
    memset(&info, 0, sizeof info); // with WNOHANG si_pid stays 0 while the child runs
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | (wait ? 0 : WNOHANG)) < 0)
        if (errno != EINTR)
            return -errno;
    return info.si_pid == pid ? 1 : 0;
}

int process_reap(pid_t pid, struct process_status *status)
{
    int word = 0;
    pid_t reaped;
    do
        reaped = waitpid(pid, &word, WNOHANG);
    while (reaped < 0 && errno == EINTR);
    if (reaped < 0)
        return -errno;
    if (reaped == 0)
        return 0;
    status->signalled = WIFSIGNALED(word) ? 1 : 0;
    status->number = status->signalled ? WTERMSIG(word) : WEXITSTATUS(word);
    return 1;
}

int process_memory_file(const char *name, const void *bytes, size_t count)
{
    int descriptor = memfd_create(name, MFD_CLOEXEC);
    if (descriptor < 0)
        return -1;
    size_t written = 0;
    while (written < count) {
        ssize_t step = write(descriptor, (const char *)bytes + written, count - written);
        if (step < 0 && errno == EINTR)
            continue;
        if (step <= 0) {
            int error = step < 0 ? errno : ENOSPC;
            close(descriptor);
            errno = error;
            return -1;
        }
        written += (size_t)step;
    }
    if (lseek(descriptor, 0, SEEK_SET) < 0) {
        int error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

char *const *process_environment(void)
{
    extern char **environ;
    return environ;
}

int process_output_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    // Only the reading end: programs seldom cope with a standard output that does not block.
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
        return 0;
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    errno = error;
    return -1;
}

uint64_t process_raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    if (limit.rlim_cur >= limit.rlim_max)
        return limit.rlim_cur;
    uint64_t none = 0;
    atomic_compare_exchange_strong(&open_files_before, &none, limit.rlim_cur);
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

const char *process_signal_name(int number)
{
    return sigabbrev_np(number);
}
