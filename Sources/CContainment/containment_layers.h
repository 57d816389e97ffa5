// The layers, each applied by the child between fork and exec: async-signal-safe calls only.
#pragma once

#include "include/containment.h"

#include <linux/filter.h>

/// What the parent has made ready, and what the child finds out.
struct containment_child {
    const struct containment_request *request;
    struct sock_filter *filter; // null where this architecture has no policy
    unsigned short filter_length;
    int *moved; // room for as many descriptors as there are
    int open_files;
    int report;
    pid_t parent;
    uid_t outer_user;
    gid_t outer_group;
    int own_user_namespace;
    int own_process_namespace;
    int private_root;
    unsigned applied;
};

/// 0, or the enum containment_step that failed, with errno set.
int containment_make_root(struct containment_child *child, int *private_proc);

/// 0, or the step that failed, with errno set. `version` is the kernel's version of Landlock, 0 where it has none.
int containment_restrict_paths(const struct containment_child *child, int *version);

/// The filter's instructions into `room`; returns how many, 0 where this architecture has no policy.
size_t containment_write_filter(struct sock_filter *room, size_t capacity);
int containment_apply_filter(const struct containment_child *child);

/// Opens a path as a place, without following any symbolic link where `access` says so. -1 with errno.
int containment_open_place(const char *path, int access);
