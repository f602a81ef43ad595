// Tail calls: a classifier hands each packet to the program for its protocol, which may hand it on.
#include "bpf.h"

int handle_udp(struct xdp_md *context);
int handle_tcp(struct xdp_md *context);
int handle_other(struct xdp_md *context);

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 4);
  __uint(key_size, 4);
  __array(values, int(struct xdp_md *));
} handlers SEC(".maps") = { .values = { [0] = (void *)&handle_udp, [1] = (void *)&handle_tcp, [2] = (void *)&handle_other } };
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4); __type(key, __u32); __type(value, __u32); } handled SEC(".maps");

static __always_inline void count(__u32 which) {
  __u32 *counter = bpf_map_lookup_elem(&handled, &which);
  if (counter) *counter += 1;
}

SEC("xdp")
int handle_udp(struct xdp_md *context) { count(0); return XDP_TX; }

SEC("xdp")
int handle_tcp(struct xdp_md *context) { count(1); bpf_tail_call(context, &handlers, 2); return XDP_DROP; }

SEC("xdp")
int handle_other(struct xdp_md *context) { count(2); bpf_tail_call(context, &handlers, 3); return XDP_PASS; }

SEC("xdp")
int dispatch(struct xdp_md *context) {
  void *data = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct ethhdr *ethernet = data;
  struct iphdr *ip = (void *)(ethernet + 1);
  __u32 which = 2;
  if ((void *)(ip + 1) <= end && ethernet->protocol == htons(ETH_P_IP))
    which = ip->protocol == IPPROTO_UDP ? 0 : ip->protocol == IPPROTO_TCP ? 1 : 2;
  bpf_tail_call(context, &handlers, which);
  return XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
