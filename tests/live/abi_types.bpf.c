// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * One value of each struct of bpf/abi.h, compiled as the programs are, so that BTF tells how the
 * kernel side lays them out. (The programs' own BTF leaves local types out.)
 */
#include "kernel.h"
#include "abi.h"

enum dse_kind kind;
struct dse_header header;
struct dse_task task;
struct dse_process_fork process_fork;
struct dse_process_exec process_exec;
struct dse_process_exec_fail process_exec_fail;
struct dse_process_exit process_exit;
struct dse_cgroup_mkdir cgroup_mkdir;
struct dse_cgroup_rmdir cgroup_rmdir;
struct dse_cgroup_attach cgroup_attach;
struct dse_socket_state socket_state;
struct dse_signal_generate signal_generate;
struct dse_signal_deliver signal_deliver;
struct dse_clock_sample clock_sample;
struct dse_process_snapshot process_snapshot;
struct dse_cgroup_snapshot cgroup_snapshot;
struct dse_socket_snapshot socket_snapshot;
struct dse_container_metadata container_metadata;
struct dse_observer_sample observer_sample;
struct dse_program_sample program_sample;
