// A router: the longest prefix of the destination names the next hop; TTL goes down and the checksum with it.
#include "bpf.h"

struct prefix { __u32 length; __u8 address[4]; };
struct next_hop { __u8 destination[6], source[6]; __u32 port; };

struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 1024); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, struct prefix); __type(value, struct next_hop); } routes SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 64); __type(key, __u32); __type(value, __u64); } forwarded SEC(".maps");

SEC("xdp")
int router(struct xdp_md *context) {
  void *data = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct ethhdr *ethernet = data;
  struct iphdr *ip = (void *)(ethernet + 1);
  if ((void *)(ip + 1) > end) return XDP_DROP;
  if (ethernet->protocol != htons(ETH_P_IP)) return XDP_PASS;
  if (ip->ttl <= 1) return XDP_PASS;
  struct prefix key = { 32 };
  __builtin_memcpy(key.address, &ip->destination, 4);
  struct next_hop *hop = bpf_map_lookup_elem(&routes, &key);
  if (!hop) return XDP_DROP;
  // RFC 1141: the TTL is the upper byte of a word.
  __u32 sum = ip->checksum + 1;
  ip->checksum = sum + (sum >> 16);
  ip->ttl -= 1;
  __builtin_memcpy(ethernet->destination, hop->destination, 6);
  __builtin_memcpy(ethernet->source, hop->source, 6);
  __u32 port = hop->port;
  __u64 *packets = bpf_map_lookup_elem(&forwarded, &port);
  if (packets) __sync_fetch_and_add(packets, 1);
  return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
