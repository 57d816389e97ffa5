// The private root: a small file system in memory, into which only what a runtime needs is bound, read-only.
#define _GNU_SOURCE
#include "containment_layers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#define SET_RECURSIVE 0x8000 // AT_RECURSIVE
#define SET_READ_ONLY 0x1    // MOUNT_ATTR_RDONLY
#define SET_NO_SUID 0x2      // MOUNT_ATTR_NOSUID
#define SET_NO_DEVICES 0x4   // MOUNT_ATTR_NODEV

struct set_attributes { // struct mount_attr of linux/mount.h, which is newer than the oldest system we build on
    uint64_t set;
    uint64_t clear;
    uint64_t propagation;
    uint64_t user_namespace;
};

enum { path_room = PATH_MAX + 64 };

static char *append(char *at, const char *text)
{
    while (*text)
        *at++ = *text++;
    *at = '\0';
    return at;
}

static char *append_number(char *at, uint64_t number)
{
    char digits[24];
    int count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    *at = '\0';
    return at;
}

int containment_open_place(const char *path, int access)
{
    if (!(access & CONTAINMENT_NO_LINKS))
        return open(path, O_PATH | O_CLOEXEC);
    // Component by component: O_NOFOLLOW looks at the last one alone.
    int folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[NAME_MAX + 1];
    while (folder >= 0 && *path) {
        while (*path == '/')
            path++;
        size_t length = strcspn(path, "/");
        if (length == 0)
            break;
        if (length > NAME_MAX) {
            close(folder);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, length);
        name[length] = '\0';
        path += length;
        int next = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        close(folder);
        errno = error;
        folder = next;
        struct stat status;
        if (folder >= 0 && (fstat(folder, &status) < 0 || S_ISLNK(status.st_mode))) {
            close(folder);
            errno = ELOOP;
            return -1;
        }
    }
    return folder;
}

/// The folders above a path, then the path itself as a folder or an empty file to mount on.
static int make_target(char *path, size_t fixed, int is_folder)
{
    for (char *at = path + fixed + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        int made = mkdir(path, 0755);
        *at = '/';
        if (made < 0 && errno != EEXIST)
            return -1;
    }
    if (is_folder)
        return mkdir(path, 0755) < 0 && errno != EEXIST ? -1 : 0;
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0)
        return -1;
    close(file);
    return 0;
}

static int make_read_only(const char *path, int access)
{
    uint64_t wanted = SET_NO_SUID;
    if (!(access & CONTAINMENT_DEVICE))
        wanted |= SET_NO_DEVICES;
    if (!(access & (CONTAINMENT_WRITE | CONTAINMENT_DEVICE)))
        wanted |= SET_READ_ONLY;
    struct set_attributes attributes = {.set = wanted};
    if (syscall(SYS_mount_setattr, AT_FDCWD, path, SET_RECURSIVE, &attributes, sizeof attributes) == 0)
        return 0;
    if (errno != ENOSYS)
        return -1;
    // Before Linux 5.12: the mount itself, not what is mounted below it. Flags that were locked must be kept.
    struct statvfs status;
    if (statvfs(path, &status) < 0)
        return -1;
    unsigned long flags = MS_BIND | MS_REMOUNT;
    if ((wanted & SET_READ_ONLY) || (status.f_flag & ST_RDONLY))
        flags |= MS_RDONLY;
    flags |= MS_NOSUID;
    if ((wanted & SET_NO_DEVICES) || (status.f_flag & ST_NODEV))
        flags |= MS_NODEV;
    if (status.f_flag & ST_NOEXEC)
        flags |= MS_NOEXEC;
    if (status.f_flag & ST_NOATIME)
        flags |= MS_NOATIME;
    if (status.f_flag & ST_NODIRATIME)
        flags |= MS_NODIRATIME;
    if (status.f_flag & ST_RELATIME)
        flags |= MS_RELATIME;
    return mount(NULL, path, NULL, flags, NULL);
}

static int mount_memory(const char *path, uint64_t bytes, const char *mode, unsigned long flags)
{
    char options[80];
    append(append(append_number(append(options, "size="), bytes), ",mode="), mode);
    return mount("tmpfs", path, "tmpfs", flags | MS_NOSUID | MS_NODEV, options);
}

/// Binds one place into the new root. What is not there is left out; returns a step where it failed.
static int bind_place(const struct containment_path *place, const char *base, int source)
{
    struct stat status;
    if (fstat(source, &status) < 0)
        return CONTAINMENT_STEP_BIND;
    char target[path_room];
    if (strlen(place->path) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return CONTAINMENT_STEP_BIND;
    }
    append(append(target, base), place->path);
    if (make_target(target, strlen(base), S_ISDIR(status.st_mode)) < 0)
        return CONTAINMENT_STEP_BIND;
    char from[64];
    append_number(append(from, "/proc/self/fd/"), (uint64_t)source);
    if (mount(from, target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return CONTAINMENT_STEP_BIND;
    return make_read_only(target, place->access) < 0 ? CONTAINMENT_STEP_READ_ONLY : 0;
}

static int make_special_folders(struct containment_child *child, const char *base, int *private_proc)
{
    const struct containment_request *request = child->request;
    char path[path_room];
    append(append(path, base), request->private_scratch);
    if (make_target(path, strlen(base), 1) < 0
        || mount_memory(path, request->private_scratch_bytes, "0700", 0) < 0)
        return CONTAINMENT_STEP_ROOT;
    if (request->change_user && chown(path, request->user, request->group) < 0)
        return CONTAINMENT_STEP_ROOT;
    // What ignores TMPDIR; refused where something lies below /tmp, and then there is no such link.
    append(append(path, base), "/tmp");
    int ignored = symlink(request->private_scratch, path);
    append(append(path, base), "/dev/shm");
    if (make_target(path, strlen(base), 1) < 0 || mount_memory(path, request->private_scratch_bytes, "1777", MS_NOEXEC) < 0)
        return CONTAINMENT_STEP_ROOT;
    append(append(path, base), "/dev/fd");
    ignored = symlink("/proc/self/fd", path);
    (void)ignored;

    append(append(path, base), "/proc");
    if (make_target(path, strlen(base), 1) < 0)
        return CONTAINMENT_STEP_PROC;
    *private_proc = child->own_process_namespace
        && mount("proc", path, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
    // Without a process namespace, or where parts of /proc are covered (as in many containers): the one there is.
    if (!*private_proc && mount("/proc", path, NULL, MS_BIND | MS_REC, NULL) < 0)
        return CONTAINMENT_STEP_PROC;
    return 0;
}

int containment_make_root(struct containment_child *child, int *private_proc)
{
    enum { most_places = 64 };
    const struct containment_request *request = child->request;
    if (request->bind_count > most_places) {
        errno = E2BIG;
        return CONTAINMENT_STEP_ROOT;
    }
    // Nothing that is mounted here may be seen outside.
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return CONTAINMENT_STEP_PRIVATE_MOUNTS;
    // The places are opened first: the new root covers a folder that some of them may lie in.
    int sources[most_places];
    for (size_t i = 0; i < request->bind_count; i++) {
        sources[i] = containment_open_place(request->binds[i].path, request->binds[i].access);
        if (sources[i] < 0 && errno != ENOENT && errno != ENOTDIR)
            return CONTAINMENT_STEP_BIND;
    }
    const char *base = "/tmp";
    if (mount_memory(base, 1 << 20, "0755", 0) < 0) {
        base = "/run";
        if (mount_memory(base, 1 << 20, "0755", 0) < 0)
            return CONTAINMENT_STEP_ROOT;
    }
    mode_t before = umask(022);
    int step = 0;
    for (size_t i = 0; i < request->bind_count && step == 0; i++)
        if (sources[i] >= 0)
            step = bind_place(&request->binds[i], base, sources[i]);
    if (step == 0)
        step = make_special_folders(child, base, private_proc);
    int error = errno;
    umask(before);
    for (size_t i = 0; i < request->bind_count; i++)
        if (sources[i] >= 0)
            close(sources[i]);
    if (step != 0) {
        umount2(base, MNT_DETACH); // the plain root as it was
        errno = error;
        return step;
    }
    // pivot_root(2), "pivot_root(".", ".")": the old root ends up on top of the new one, and is let go.
    if (chdir(base) < 0 || syscall(SYS_pivot_root, ".", ".") < 0) {
        error = errno;
        chdir("/");
        umount2(base, MNT_DETACH);
        errno = error;
        return CONTAINMENT_STEP_PIVOT;
    }
    child->private_root = 1; // from here on there is no way back
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return CONTAINMENT_STEP_PIVOT;
    if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        return CONTAINMENT_STEP_READ_ONLY;
    return 0;
}
