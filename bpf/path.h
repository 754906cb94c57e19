/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Paths and what there is to know of an executable file.
 *
 * The kernel's own d_path is not for tracepoint programs. Paths are put together here as it does,
 * from the last component to the root of the mount namespace, without its locks: what is renamed at
 * that very moment may come out half old and half new.
 */
#ifndef DSE_BPF_PATH_H
#define DSE_BPF_PATH_H

#include "emit.h"

#define MAX_PATH_DEPTH DSE_PATH_MAX /* components and mounts on the way: more than fit */
#define MAX_NAME 256

#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define PIDTYPE_SID 3

/* Room to put a path together, from its end; one for each CPU, then one for the iterators. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, DSE_PATH_MAX + MAX_NAME);
} paths SEC(".maps");

struct path_walk {
	struct dentry *dentry;
	struct mount *mount;
	__u32 slot; /* of paths */
	__u32 at;   /* where the path begins so far */
	__u32 cut;
};

/* Puts "/" and the name of a dentry before what is there. */
static __always_inline int prepend_name(struct path_walk *walk, struct dentry *dentry)
{
	__u8 *buffer = bpf_map_lookup_elem(&paths, &walk->slot);
	__u32 length = BPF_CORE_READ(dentry, d_name.len);
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);

	length &= MAX_NAME - 1; /* names have at most 255 bytes */
	if (!buffer || walk->at < length + 1 || walk->at > DSE_PATH_MAX) {
		walk->cut = 1;
		return 1;
	}
	__u32 at = (walk->at - length - 1) & (DSE_PATH_MAX - 1);
	buffer[at] = '/';
	bpf_probe_read_kernel(buffer + at + 1, length, name);
	walk->at = at;
	return 0;
}

static long walk_component(__u32 index, void *context)
{
	struct path_walk *walk = context;
	struct dentry *dentry = walk->dentry;
	struct mount *mount = walk->mount;

	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = parent;
		return parent == mount;
	}
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	walk->dentry = parent;
	/* A file without a place in a tree (memfd) has a name and is its own parent. */
	return prepend_name(walk, dentry) || parent == dentry;
}

/* Copies a path to `bytes`, where there is room for DSE_PATH_MAX; returns its size. */
static __always_inline __u32 copy_file_path(const struct path *path, __u32 slot, void *bytes,
					    __u32 *cut)
{
	struct vfsmount *mnt = BPF_CORE_READ(path, mnt);
	struct path_walk walk = {
		.dentry = BPF_CORE_READ(path, dentry),
		.mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt),
		.slot = slot,
		.at = DSE_PATH_MAX,
	};

	if (!mnt || !walk.dentry)
		return 0;
	if (bpf_loop(MAX_PATH_DEPTH, walk_component, &walk, 0) == MAX_PATH_DEPTH)
		walk.cut = 1;
	if (walk.cut)
		*cut = 1;
	__u8 *buffer = bpf_map_lookup_elem(&paths, &slot);
	if (!buffer)
		return 0;
	__u32 at = walk.at;
	if (at >= DSE_PATH_MAX) {
		*(__u8 *)bytes = '/';
		return 1;
	}
	__u32 size = DSE_PATH_MAX - at;
	if (size > DSE_PATH_MAX)
		return 0;
	bpf_probe_read_kernel(bytes, size, buffer + at);
	return size;
}

static __always_inline bool in_upper_layer(struct inode *inode)
{
	struct dentry *upper = NULL;
	void *at;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_SUPER_MAGIC)
		return false;
	/* The overlay's own inode is around the inode; its module may come without types. */
	if (bpf_core_type_exists(struct ovl_inode))
		at = (void *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode) +
		     bpf_core_field_offset(struct ovl_inode, __upperdentry);
	else
		at = (void *)inode + bpf_core_type_size(struct inode);
	bpf_probe_read_kernel(&upper, sizeof(upper), at);
	return upper != NULL;
}

static __always_inline void fill_file(struct dse_exe_facts *out, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *mnt = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	unsigned long magic = BPF_CORE_READ(inode, i_sb, s_magic);
	bool no_place = BPF_CORE_READ(dentry, d_parent) == dentry;
	char name[6] = {};

	out->ino = BPF_CORE_READ(inode, i_ino);
	out->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	out->mount = BPF_CORE_READ(mount, mnt_id);
	out->mode = BPF_CORE_READ(inode, i_mode);
	out->uid = BPF_CORE_READ(inode, i_uid.val);

	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name));
	if (no_place && (magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC) &&
	    __builtin_memcmp(name, "memfd:", sizeof(name)) == 0)
		out->flags |= DSE_EXE_MEMFD;
	else if (BPF_CORE_READ(inode, i_nlink) == 0 ||
		 (!no_place && !BPF_CORE_READ(dentry, d_hash.pprev)))
		out->flags |= DSE_EXE_DELETED;
	if (in_upper_layer(inode))
		out->flags |= DSE_EXE_UPPER_LAYER;
}

/* As new_encode_dev() has it, and /proc/PID/stat. */
static __always_inline __u32 tty_device(struct tty_struct *tty)
{
	if (!tty)
		return 0;
	__u32 major = BPF_CORE_READ(tty, driver, major);
	__u32 minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
	return (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
}

static __always_inline void fill_exe_facts(struct dse_exe_facts *out, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	__builtin_memset(out, 0, sizeof(*out));
	if (file)
		fill_file(out, file);
	/* Sets of capabilities were two words before 6.3, which is the same 64 bits. */
	bpf_core_read(&out->cap_inheritable, sizeof(__u64), &cred->cap_inheritable);
	bpf_core_read(&out->cap_permitted, sizeof(__u64), &cred->cap_permitted);
	bpf_core_read(&out->cap_effective, sizeof(__u64), &cred->cap_effective);
	out->session = BPF_CORE_READ(signal, pids[PIDTYPE_SID], numbers[0].nr);
	out->login_uid = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) :
								 0xffffffff;
	out->tty = tty_device(BPF_CORE_READ(signal, tty));
}

#endif
