// A parser with loops: walks VLAN tags, then IPv6 extension headers or IPv4 options, and returns what it found.
#include "bpf.h"

struct vlan { __u16 tag, protocol; };
struct ipv6 { __u32 version_class_flow; __u16 length; __u8 next, hops; __u8 source[16], destination[16]; };

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 256); __type(key, __u32); __type(value, __u32); } seen SEC(".maps");

static __always_inline void note(__u32 protocol) {
  __u32 *count = bpf_map_lookup_elem(&seen, &protocol);
  if (count) *count += 1;
}

SEC("xdp")
int parser(struct xdp_md *context) {
  void *at = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct ethhdr *ethernet = at;
  if ((void *)(ethernet + 1) > end) return XDP_DROP;
  __u16 protocol = ethernet->protocol;
  at = ethernet + 1;
  for (int i = 0; i < 4 && protocol == htons(ETH_P_8021Q); i++) {
    struct vlan *vlan = at;
    if ((void *)(vlan + 1) > end) return XDP_DROP;
    protocol = vlan->protocol;
    at = vlan + 1;
  }
  if (protocol == htons(ETH_P_IPV6)) {
    struct ipv6 *ip = at;
    if ((void *)(ip + 1) > end) return XDP_DROP;
    __u8 next = ip->next;
    at = ip + 1;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 8; i++) {
      note(next);
      if (next != 0 && next != 43 && next != 60) break;
      __u8 *header = at;
      if (header + 8 > (__u8 *)end) return XDP_DROP;
      next = header[0];
      at = header + 8 + header[1] * 8;
    }
    return next == IPPROTO_UDP ? XDP_TX : XDP_PASS;
  }
  if (protocol != htons(ETH_P_IP)) return XDP_PASS;
  struct iphdr *ip = at;
  if ((void *)(ip + 1) > end) return XDP_DROP;
  __u32 options = (ip->version_length & 15) * 4;
  __u8 *option = (void *)(ip + 1);
#pragma clang loop unroll(disable)
  for (__u32 place = sizeof(*ip); place < 60; place++) {
    if (place >= options) break;
    if (option + 1 > (__u8 *)end) return XDP_DROP;
    note(*option);
    if (*option == 0) break;
    option++;
  }
  return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
