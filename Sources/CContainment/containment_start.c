#define _GNU_SOURCE
#include "containment_layers.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define CLOSE_RANGE_MARK (1U << 2) // CLOSE_RANGE_CLOEXEC

enum { standard_descriptors = 3 };

enum message_kind { message_failed = 1, message_layer = 2, message_facts = 3 };

/// What the child writes into the pipe; below PIPE_BUF, so never partial.
struct message {
    int kind;
    int first; // failed: step. layer: which. facts: private root.
    int second; // failed: errno. layer: state. facts: private /proc.
    int third; // layer: step. facts: version of Landlock.
    int fourth; // layer: errno.
};

// ---- In the child, between fork and exec: async-signal-safe calls only ----

static void tell(const struct containment_child *child, struct message message)
{
    ssize_t ignored = write(child->report, &message, sizeof message);
    (void)ignored;
}

[[noreturn]] static void give_up(const struct containment_child *child, int step, int error)
{
    tell(child, (struct message){message_failed, step, error, 0, 0});
    _exit(127);
}

static void tell_layer(struct containment_child *child, int layer, int state, int step, int error)
{
    if (state == CONTAINMENT_APPLIED)
        child->applied |= 1U << layer;
    tell(child, (struct message){message_layer, layer, state, step, error});
}

static int is_tried(const struct containment_child *child, int layer)
{
    return !(child->request->skip & (1U << layer));
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

static int write_file(const char *path, const char *text, size_t length)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    ssize_t written = write(file, text, length);
    int error = errno;
    close(file);
    errno = error;
    return written == (ssize_t)length ? 0 : -1;
}

static size_t one_mapping(char *text, unsigned number)
{
    char digits[12];
    size_t count = 0, length = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = count; i > 0; i--)
            text[length++] = digits[i - 1];
        text[length++] = ' ';
    }
    text[length++] = '1';
    return length;
}

/// In a user namespace the process stays who it is, so that what it executes has no capability in it.
static int map_user(const struct containment_child *child)
{
    char text[40];
    if (write_file("/proc/self/setgroups", "deny", 4) < 0 && errno != ENOENT)
        return -1;
    if (write_file("/proc/self/uid_map", text, one_mapping(text, child->outer_user)) < 0)
        return -1;
    return write_file("/proc/self/gid_map", text, one_mapping(text, child->outer_group));
}

static void mark_all_close_on_exec(int open_files)
{
    if (syscall(SYS_close_range, 0U, ~0U, CLOSE_RANGE_MARK) == 0)
        return;
    for (int descriptor = 0; descriptor < open_files; descriptor++)
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

/// Two steps, since one's source may be another's destination: first all sources to numbers above every destination,
/// then down into place, where dup2 clears close-on-exec. The group's descriptor needs no number that is known.
static int place_descriptors(struct containment_child *child)
{
    const struct containment_request *request = child->request;
    int *moved = child->moved;
    mark_all_close_on_exec(child->open_files);
    int above = standard_descriptors;
    for (size_t i = 0; i < request->descriptor_count; i++)
        if (request->descriptors[i].child >= above)
            above = request->descriptors[i].child + 1;
    int report = fcntl(child->report, F_DUPFD_CLOEXEC, above);
    if (report < 0)
        return -1;
    child->report = report;
    int has_input = 0;
    for (size_t i = 0; i < request->descriptor_count; i++) {
        moved[i] = fcntl(request->descriptors[i].parent, F_DUPFD_CLOEXEC, above);
        if (moved[i] < 0)
            return -1;
        has_input = has_input || request->descriptors[i].child == 0;
    }
    moved[request->descriptor_count] = -1;
    if (request->group_procs >= 0) {
        int group = fcntl(request->group_procs, F_DUPFD_CLOEXEC, above);
        if (group < 0)
            return -1;
        moved[request->descriptor_count] = group;
    }
    for (size_t i = 0; i < request->descriptor_count; i++)
        if (dup2(moved[i], request->descriptors[i].child) < 0)
            return -1;
    if (has_input)
        return 0;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0)
        return -1;
    if (null > 2)
        close(null);
    else if (null == 0)
        return fcntl(0, F_SETFD, 0);
    return 0;
}

static void join_group(struct containment_child *child)
{
    int group = child->moved[child->request->descriptor_count];
    if (group < 0)
        return; // the parent knows why
    if (write(group, "0", 1) == 1)
        tell_layer(child, CONTAINMENT_CGROUP, CONTAINMENT_APPLIED, 0, 0);
    else
        tell_layer(child, CONTAINMENT_CGROUP, CONTAINMENT_ABSENT, CONTAINMENT_STEP_JOIN_GROUP, errno);
}

static int set_limit(int resource, uint64_t value)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return -1;
    rlim_t wanted = (rlim_t)value;
    if (limit.rlim_max != RLIM_INFINITY && wanted > limit.rlim_max)
        wanted = limit.rlim_max;
    limit.rlim_cur = wanted;
    limit.rlim_max = wanted;
    return setrlimit((__rlimit_resource_t)resource, &limit);
}

static void apply_limits(struct containment_child *child)
{
    const struct containment_request *request = child->request;
    if (!is_tried(child, CONTAINMENT_LIMITS))
        return;
    int failed = set_limit(RLIMIT_CORE, 0) < 0; // a core dump would hold callers' data
    failed = failed || set_limit(RLIMIT_NOFILE, request->open_files) < 0;
    failed = failed || (request->processes > 0 && set_limit(RLIMIT_NPROC, request->processes) < 0);
    int is_limited = request->group_limits_memory && (child->applied & (1U << CONTAINMENT_CGROUP));
    failed = failed || (!is_limited && request->data_bytes > 0 && set_limit(RLIMIT_DATA, request->data_bytes) < 0);
    if (failed)
        tell_layer(child, CONTAINMENT_LIMITS, CONTAINMENT_PARTIAL, CONTAINMENT_STEP_LIMITS, errno);
    else
        tell_layer(child, CONTAINMENT_LIMITS, CONTAINMENT_APPLIED, 0, 0);
}

static void separate_network(struct containment_child *child)
{
    if (!is_tried(child, CONTAINMENT_NET))
        return;
    if (unshare(CLONE_NEWNET) < 0)
        tell_layer(child, CONTAINMENT_NET, CONTAINMENT_ABSENT, CONTAINMENT_STEP_UNSHARE, errno);
    else
        tell_layer(child, CONTAINMENT_NET, CONTAINMENT_APPLIED, 0, 0);
}

/// The private root; and with it a /dev of five harmless devices, and a /proc that shows only what runs inside.
static void separate_files(struct containment_child *child)
{
    int private_proc = 0;
    if (is_tried(child, CONTAINMENT_MOUNT)) {
        int step = unshare(CLONE_NEWNS) < 0 ? CONTAINMENT_STEP_UNSHARE : containment_make_root(child, &private_proc);
        if (step == 0) {
            tell_layer(child, CONTAINMENT_MOUNT, CONTAINMENT_APPLIED, 0, 0);
            if (is_tried(child, CONTAINMENT_DEVICES))
                tell_layer(child, CONTAINMENT_DEVICES, CONTAINMENT_APPLIED, 0, 0);
        } else {
            int state = child->private_root ? CONTAINMENT_PARTIAL : CONTAINMENT_ABSENT;
            int error = errno;
            tell_layer(child, CONTAINMENT_MOUNT, state, step, error);
            if (is_tried(child, CONTAINMENT_DEVICES))
                tell_layer(child, CONTAINMENT_DEVICES, state, step, error);
        }
    }
    tell(child, (struct message){message_facts, child->private_root, private_proc, -1, 0});
    if (!is_tried(child, CONTAINMENT_PID))
        return;
    // Here, in a user namespace or as root, so that what can be shared with others in memory is apart as well.
    int separate = unshare(CLONE_NEWIPC) == 0;
    int error = errno;
    if (!child->own_process_namespace)
        tell_layer(child, CONTAINMENT_PID, CONTAINMENT_ABSENT, CONTAINMENT_STEP_FORK, 0);
    else if (!private_proc)
        tell_layer(child, CONTAINMENT_PID, CONTAINMENT_PARTIAL, CONTAINMENT_STEP_PROC, 0);
    else if (!separate)
        tell_layer(child, CONTAINMENT_PID, CONTAINMENT_PARTIAL, CONTAINMENT_STEP_UNSHARE, error);
    else
        tell_layer(child, CONTAINMENT_PID, CONTAINMENT_APPLIED, 0, 0);
}

static int drop_capabilities(void)
{
    // What a program could have is bounded first, while that is still permitted.
    for (int capability = 0; capability < 64; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
            break; // EINVAL: there are no more; EPERM: this process has none to give up
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return 0;
}

static int clear_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[2] = {{0}};
    return (int)syscall(SYS_capset, &header, none);
}

/// Losing rights is not optional: a process that was to become somebody else and did not is not started.
static void become_user(struct containment_child *child)
{
    const struct containment_request *request = child->request;
    int tried = is_tried(child, CONTAINMENT_USER);
    if (tried)
        drop_capabilities();
    if (request->privileged && request->change_user && tried) {
        if (setgroups(0, NULL) < 0 || setresgid(request->group, request->group, request->group) < 0
            || setresuid(request->user, request->user, request->user) < 0)
            give_up(child, CONTAINMENT_STEP_SET_USER, errno);
    }
    if (tried && clear_capabilities() < 0)
        give_up(child, CONTAINMENT_STEP_CAPABILITIES, errno);
    if (!tried)
        return;
    if (request->privileged && request->change_user)
        tell_layer(child, CONTAINMENT_USER, CONTAINMENT_APPLIED, 0, 0);
    else if (request->privileged || child->own_user_namespace)
        tell_layer(child, CONTAINMENT_USER, CONTAINMENT_PARTIAL, CONTAINMENT_STEP_SET_USER, 0);
    else
        tell_layer(child, CONTAINMENT_USER, CONTAINMENT_ABSENT, CONTAINMENT_STEP_USER_NAMESPACE, 0);
}

static void restrict_itself(struct containment_child *child)
{
    if (is_tried(child, CONTAINMENT_NO_NEW_PRIVS)) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            give_up(child, CONTAINMENT_STEP_NO_NEW_PRIVS, errno);
        tell_layer(child, CONTAINMENT_NO_NEW_PRIVS, CONTAINMENT_APPLIED, 0, 0);
    }
    int version = 0;
    if (is_tried(child, CONTAINMENT_LANDLOCK)) {
        int step = containment_restrict_paths(child, &version);
        int error = errno;
        tell(child, (struct message){message_facts, -1, -1, version, 0});
        if (step == 0)
            tell_layer(child, CONTAINMENT_LANDLOCK, CONTAINMENT_APPLIED, 0, 0);
        else
            tell_layer(child, CONTAINMENT_LANDLOCK, CONTAINMENT_ABSENT, step, error);
    }
    if (is_tried(child, CONTAINMENT_SECCOMP)) {
        if (containment_apply_filter(child) < 0)
            tell_layer(child, CONTAINMENT_SECCOMP, CONTAINMENT_ABSENT, CONTAINMENT_STEP_SECCOMP, errno);
        else
            tell_layer(child, CONTAINMENT_SECCOMP, CONTAINMENT_APPLIED, 0, 0);
    }
}

[[noreturn]] static void run_child(struct containment_child *child)
{
    const struct containment_request *request = child->request;
    reset_signals();
    // First, and before anything that could not be undone: the parent then starts again without this namespace.
    if (child->own_user_namespace && map_user(child) < 0)
        give_up(child, CONTAINMENT_STEP_USER_NAMESPACE, errno);
    if (setsid() < 0)
        give_up(child, CONTAINMENT_STEP_SESSION, errno);
    if (place_descriptors(child) < 0)
        give_up(child, CONTAINMENT_STEP_DESCRIPTORS, errno);
    if (is_tried(child, CONTAINMENT_CGROUP))
        join_group(child);
    apply_limits(child);
    separate_network(child);
    separate_files(child);
    become_user(child);
    umask(077);
    if (chdir("/") < 0)
        give_up(child, CONTAINMENT_STEP_DIRECTORY, errno);
    restrict_itself(child);
    unsigned missing = request->required & ~child->applied;
    for (int layer = 0; layer < containment_layers; layer++)
        if (missing & (1U << layer))
            give_up(child, CONTAINMENT_STEP_REQUIRED, layer);
    char *const *environment = child->private_root ? request->environment_private : request->environment_plain;
    execve(request->program, request->arguments, environment);
    give_up(child, CONTAINMENT_STEP_EXEC, errno);
}

// ---- In the parent ----

static int failed(struct containment_result *result, int step, int error)
{
    result->pid = -1;
    result->step = step;
    result->error = error;
    return -1;
}

/// The raw call: fork(2) takes no flags. All signals are blocked, so that no handler of the parent runs in the child.
static pid_t fork_quietly(unsigned long namespaces, sigset_t *before)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
}

static void take_message(struct containment_result *result, const struct message *message)
{
    switch (message->kind) {
    case message_failed:
        result->step = message->first;
        result->error = message->second;
        break;
    case message_layer:
        if (message->first >= 0 && message->first < containment_layers)
            result->layers[message->first] =
                (struct containment_report){message->second, message->third, message->fourth};
        break;
    case message_facts:
        if (message->first >= 0) {
            result->private_root = message->first;
            result->private_proc = message->second;
        }
        if (message->third >= 0)
            result->landlock_version = message->third;
        break;
    default: break;
    }
}

/// Reads what the child tells until it executes the program, which closes the pipe, or ends.
static void listen_to(int pipe, struct containment_result *result)
{
    struct message message;
    for (;;) {
        ssize_t count = read(pipe, &message, sizeof message);
        if (count < 0 && errno == EINTR)
            continue;
        if (count != (ssize_t)sizeof message)
            return;
        take_message(result, &message);
    }
}

static int start_once(struct containment_child child, unsigned long namespaces, struct containment_result *result)
{
    int report[2];
    *result = (struct containment_result){.pid = -1};
    if (pipe2(report, O_CLOEXEC) < 0)
        return failed(result, CONTAINMENT_STEP_PREPARE, errno);
    child.report = report[1];
    child.own_user_namespace = (namespaces & CLONE_NEWUSER) != 0;
    child.own_process_namespace = (namespaces & CLONE_NEWPID) != 0;
    sigset_t before;
    pid_t pid = fork_quietly(namespaces, &before);
    if (pid == 0)
        run_child(&child);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return failed(result, CONTAINMENT_STEP_FORK, error);
    }
    listen_to(report[0], result);
    close(report[0]);
    if (result->step != 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        return -1;
    }
    result->pid = pid;
    return 0;
}

int containment_start(const struct containment_request *request, struct containment_result *result)
{
    struct sock_filter filter[512];
    struct rlimit files = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &files);
    struct containment_child child = {
        .request = request,
        .filter = filter,
        .filter_length = (unsigned short)containment_write_filter(filter, sizeof filter / sizeof filter[0]),
        .moved = calloc(request->descriptor_count + 1, sizeof(int)),
        .open_files = files.rlim_cur > 1 << 20 ? 1 << 20 : (int)files.rlim_cur,
        .parent = getpid(),
        .outer_user = geteuid(),
        .outer_group = getegid(),
    };
    *result = (struct containment_result){.pid = -1};
    if (!child.moved)
        return failed(result, CONTAINMENT_STEP_PREPARE, ENOMEM);
    // With less at every attempt: a kernel that refuses a namespace still gets the rest.
    unsigned long user = request->privileged || (request->skip & (1U << CONTAINMENT_USER)) ? 0 : CLONE_NEWUSER;
    unsigned long process = request->skip & (1U << CONTAINMENT_PID) ? 0 : CLONE_NEWPID;
    const unsigned long attempts[] = {user | process, user, 0};
    int answer = -1, refusal = 0;
    for (int i = 0; i < 3; i++) {
        if (i > 0 && attempts[i] == attempts[i - 1])
            continue;
        answer = start_once(child, attempts[i], result);
        if (answer == 0 || (result->step != CONTAINMENT_STEP_FORK && result->step != CONTAINMENT_STEP_USER_NAMESPACE))
            break;
        refusal = result->error;
    }
    free(child.moved);
    // The child that was started without a namespace doesn't know why.
    for (int layer = 0; layer < containment_layers; layer++) {
        struct containment_report *report = &result->layers[layer];
        int is_refused = report->step == CONTAINMENT_STEP_FORK || report->step == CONTAINMENT_STEP_USER_NAMESPACE;
        if (report->state != CONTAINMENT_APPLIED && is_refused && report->error == 0)
            report->error = refusal;
    }
    return answer;
}

int containment_check_place(const char *path)
{
    int place = containment_open_place(path, CONTAINMENT_NO_LINKS);
    if (place < 0)
        return errno;
    close(place);
    return 0;
}

int containment_is_delegated(const char *group)
{
    char value = 0;
    return (getxattr(group, "trusted.delegate", &value, 1) == 1 && value == '1')
        || (getxattr(group, "user.delegate", &value, 1) == 1 && value == '1');
}

void containment_error_text(int error, char *room, size_t size)
{
    const char *text = strerror_r(error, room, size); // GNU's, which may answer with a text of its own
    if (text != room) {
        strncpy(room, text, size - 1);
        room[size - 1] = '\0';
    }
}
