// Landlock and seccomp: what a process may open, and which system calls it may make.
#define _GNU_SOURCE
#include "containment_layers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// ---- Landlock: numbers of linux/landlock.h, which is older than some of them on the systems we build on ----

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum : uint64_t {
    may_execute = 1ULL << 0,
    may_write_file = 1ULL << 1,
    may_read_file = 1ULL << 2,
    may_read_folder = 1ULL << 3,
    may_make_character_device = 1ULL << 6,
    may_make_block_device = 1ULL << 11,
    every_right_of_version_1 = (1ULL << 13) - 1,
    may_refer = 1ULL << 13,        // version 2
    may_truncate = 1ULL << 14,     // version 3
    may_control_device = 1ULL << 15, // version 5
    net_bind_and_connect = 3,      // version 4
    scope_abstract_sockets_and_signals = 3, // version 6
};

struct ruleset_attributes {
    uint64_t handled_files;
    uint64_t handled_net;
    uint64_t scoped;
};

struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

static uint64_t rights_of(int access, int is_folder, uint64_t handled)
{
    uint64_t rights = 0;
    if (access & CONTAINMENT_READ)
        rights |= may_read_file | may_read_folder;
    if (access & CONTAINMENT_EXECUTE)
        rights |= may_execute;
    if (access & CONTAINMENT_DEVICE)
        rights |= may_read_file | may_write_file | may_control_device;
    if (access & CONTAINMENT_WRITE)
        rights |= handled & ~(may_execute | may_make_character_device | may_make_block_device);
    if (!is_folder) // the kernel refuses rights of folders on a file
        rights &= may_execute | may_read_file | may_write_file | may_truncate | may_control_device;
    return rights & handled;
}

static int allow_path(int ruleset, const char *path, int access, uint64_t handled)
{
    int place = containment_open_place(path, access);
    if (place < 0)
        return 0; // what can't be reached needs no rule
    struct stat status;
    int answer = fstat(place, &status);
    if (answer == 0) {
        struct path_rule rule = {.allowed = rights_of(access, S_ISDIR(status.st_mode), handled), .parent = place};
        answer = rule.allowed == 0 ? 0 : (int)syscall(SYS_landlock_add_rule, ruleset, 1, &rule, 0);
    }
    int error = errno;
    close(place);
    errno = error;
    return answer;
}

int containment_restrict_paths(const struct containment_child *child, int *version)
{
    const struct containment_request *request = child->request;
    long supported = syscall(SYS_landlock_create_ruleset, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
    *version = supported > 0 ? (int)supported : 0;
    if (supported <= 0)
        return CONTAINMENT_STEP_LANDLOCK;
    struct ruleset_attributes attributes = {.handled_files = every_right_of_version_1};
    size_t size = sizeof attributes.handled_files;
    if (supported >= 2)
        attributes.handled_files |= may_refer;
    if (supported >= 3)
        attributes.handled_files |= may_truncate;
    if (supported >= 4) {
        attributes.handled_net = net_bind_and_connect;
        size = offsetof(struct ruleset_attributes, scoped);
    }
    if (supported >= 5)
        attributes.handled_files |= may_control_device;
    if (supported >= 6) {
        attributes.scoped = scope_abstract_sockets_and_signals;
        size = sizeof attributes;
    }
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
    if (ruleset < 0)
        return CONTAINMENT_STEP_LANDLOCK;
    int answer = 0;
    for (size_t i = 0; i < request->rule_count && answer == 0; i++)
        answer = allow_path(ruleset, request->rules[i].path, request->rules[i].access, attributes.handled_files);
    const char *scratch = child->private_root ? request->private_scratch : request->plain_scratch;
    if (answer == 0 && scratch)
        answer = allow_path(ruleset, scratch, CONTAINMENT_READ | CONTAINMENT_WRITE, attributes.handled_files);
    if (answer == 0 && child->private_root)
        answer = allow_path(ruleset, "/dev/shm", CONTAINMENT_READ | CONTAINMENT_WRITE, attributes.handled_files);
    if (answer == 0)
        answer = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
    int error = errno;
    close(ruleset);
    errno = error;
    if (answer < 0)
        return CONTAINMENT_STEP_LANDLOCK;
    // Nothing under /proc tells that Landlock holds, so it is tried: no rule allows listing the root folder.
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root >= 0) {
        close(root);
        errno = 0;
        return CONTAINMENT_STEP_LANDLOCK_PROBE;
    }
    return 0;
}

// ---- seccomp ----

#if defined(__x86_64__)
#define POLICY_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define POLICY_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/// The policy was written for Linux 6.10: 462 is mseal, and calls from there on have the same number on every
/// architecture we run on. What came later is answered as by an older kernel, which programs know how to live with.
enum { first_unknown_call = 463 };

int containment_first_unknown_call(void)
{
    return first_unknown_call;
}

/// Calls that serving a model never needs: other processes' memory, the kernel's own state, mounts, keys, clocks.
static const short refused_calls[] = {
    SYS_acct, SYS_add_key, SYS_adjtimex, SYS_bpf, SYS_chroot, SYS_clock_adjtime, SYS_clock_settime, SYS_delete_module,
    SYS_fanotify_init, SYS_finit_module, SYS_init_module, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_io_uring_setup, SYS_kcmp, SYS_kexec_load, SYS_keyctl, SYS_lookup_dcookie, SYS_migrate_pages, SYS_mount,
    SYS_move_pages, SYS_name_to_handle_at, SYS_nfsservctl, SYS_open_by_handle_at, SYS_perf_event_open,
    SYS_personality, SYS_pivot_root, SYS_process_vm_readv, SYS_process_vm_writev, SYS_ptrace, SYS_quotactl, SYS_reboot,
    SYS_request_key, SYS_setdomainname, SYS_sethostname, SYS_setns, SYS_settimeofday, SYS_swapoff, SYS_swapon,
    SYS_syslog, SYS_umount2, SYS_unshare, SYS_userfaultfd, SYS_vhangup,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_clock_settime64
    SYS_clock_settime64,
#endif
#if defined(__x86_64__)
    SYS_create_module, SYS_get_kernel_syms, SYS_ioperm, SYS_iopl, SYS_modify_ldt, SYS_query_module, SYS_sysfs,
    SYS__sysctl, SYS_uselib, SYS_ustat,
#endif
    // By number, as they are newer than some headers: open_tree, move_mount, fsopen, fsconfig, fsmount, fspick,
    // pidfd_getfd, process_madvise, mount_setattr, quotactl_fd, process_mrelease
    428, 429, 430, 431, 432, 433, 438, 440, 442, 443, 448,
};

enum { clone3_call = 435 };
enum : uint32_t {
    namespace_flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET
        | 0x02000000 /* CLONE_NEWCGROUP */,
    fake_input = 0x5412,  // TIOCSTI
    linux_console = 0x541C, // TIOCLINUX
};

#define LOAD(field) (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define LOAD_LOW(argument) \
    (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[argument]))
#define SKIP_UNLESS(number, count) (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, count)
#define SKIP_IF(number, count) (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, count, 0)
#define ANSWER(error) (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

size_t containment_write_filter(struct sock_filter *room, size_t capacity)
{
#ifdef POLICY_ARCHITECTURE
    size_t count = 0;
    size_t calls = sizeof refused_calls / sizeof refused_calls[0];
    if (capacity < 2 * calls + 40)
        return 0;
    // Another architecture's calls have other numbers: none of them.
    room[count++] = LOAD(arch);
    room[count++] = SKIP_IF(POLICY_ARCHITECTURE, 1);
    room[count++] = ANSWER(ENOSYS);
    room[count++] = LOAD(nr);
    // Also those of x32, which have bit 30 set.
    room[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first_unknown_call, 0, 1);
    room[count++] = ANSWER(ENOSYS);
    // Its flags lie in memory, which no filter can read; the C library falls back to clone.
    room[count++] = SKIP_UNLESS(clone3_call, 1);
    room[count++] = ANSWER(ENOSYS);
    for (size_t i = 0; i < calls; i++) {
        room[count++] = SKIP_UNLESS((uint32_t)refused_calls[i], 1);
        room[count++] = ANSWER(EPERM);
    }
    // Sockets of this machine only: what listens for callers was handed over.
    room[count++] = SKIP_UNLESS(SYS_socket, 4);
    room[count++] = LOAD_LOW(0);
    room[count++] = SKIP_IF(AF_UNIX, 1);
    room[count++] = ANSWER(EPERM);
    room[count++] = ALLOW;
    room[count++] = SKIP_UNLESS(SYS_clone, 4);
    room[count++] = LOAD_LOW(0);
    room[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, namespace_flags, 0, 1);
    room[count++] = ANSWER(EPERM);
    room[count++] = ALLOW;
    // Typing into the terminal of whoever started this.
    room[count++] = SKIP_UNLESS(SYS_ioctl, 5);
    room[count++] = LOAD_LOW(1);
    room[count++] = SKIP_IF(fake_input, 1);
    room[count++] = SKIP_UNLESS(linux_console, 1);
    room[count++] = ANSWER(EPERM);
    room[count++] = ALLOW;
    room[count++] = ALLOW;
    return count;
#else
    (void)room;
    (void)capacity;
    return 0;
#endif
}

int containment_apply_filter(const struct containment_child *child)
{
    if (child->filter_length == 0) {
        errno = ENOSYS;
        return -1;
    }
    struct sock_fprog program = {.len = child->filter_length, .filter = child->filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
