// An XDP firewall: drops UDP and TCP to ports that a map lists, counts packets for each verdict.
#include "bpf.h"

struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1024); __type(key, __u16); __type(value, __u64); } blocked SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 5); __type(key, __u32); __type(value, __u64); } verdicts SEC(".maps");

static __always_inline int count(__u32 verdict) {
  __u64 *counter = bpf_map_lookup_elem(&verdicts, &verdict);
  if (counter) *counter += 1;
  return verdict;
}

SEC("xdp")
int firewall(struct xdp_md *context) {
  void *data = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct ethhdr *ethernet = data;
  if ((void *)(ethernet + 1) > end) return count(XDP_DROP);
  if (ethernet->protocol != htons(ETH_P_IP)) return count(XDP_PASS);
  struct iphdr *ip = (void *)(ethernet + 1);
  if ((void *)(ip + 1) > end) return count(XDP_DROP);
  if (ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_TCP) return count(XDP_PASS);
  __u32 length = (ip->version_length & 15) * 4;
  if (length < sizeof(*ip)) return count(XDP_DROP);
  struct udphdr *ports = (void *)ip + length;
  if ((void *)(ports + 1) > end) return count(XDP_DROP);
  __u16 port = ntohs(ports->destination);
  __u64 *hits = bpf_map_lookup_elem(&blocked, &port);
  if (!hits) return count(XDP_PASS);
  __sync_fetch_and_add(hits, 1);
  return count(XDP_DROP);
}

char _license[] SEC("license") = "Dual BSD/GPL";
