// An XDP load balancer: chooses a backend by the flow's hash, rewrites the destination, mends the checksum, sends back.
#include "bpf.h"

struct backend { __u32 address; __u8 mac[6]; __u16 weight; };
struct flow { __u32 source, destination; __u16 source_port, destination_port; };

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 16); __type(key, __u32); __type(value, struct backend); } backends SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 4096); __type(key, struct flow); __type(value, __u32); } flows SEC(".maps");

volatile const __u32 backend_count = 4;
__u64 balanced = 0;

static __noinline __u32 hash(const struct flow *flow) {
  __u32 h = 0x9e3779b9;
  h = (h ^ flow->source) * 0x85ebca6b;
  h = (h ^ flow->destination) * 0xc2b2ae35;
  h = (h ^ flow->source_port ^ ((__u32)flow->destination_port << 16)) * 0x27d4eb2f;
  return h ^ (h >> 15);
}

SEC("xdp")
int balancer(struct xdp_md *context) {
  void *data = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct ethhdr *ethernet = data;
  struct iphdr *ip = (void *)(ethernet + 1);
  struct udphdr *udp = (void *)(ip + 1);
  if ((void *)(udp + 1) > end) return XDP_PASS;
  if (ethernet->protocol != htons(ETH_P_IP) || ip->version_length != 0x45 || ip->protocol != IPPROTO_UDP) return XDP_PASS;
  struct flow flow = { ip->source, ip->destination, udp->source, udp->destination };
  __u32 index;
  __u32 *known = bpf_map_lookup_elem(&flows, &flow);
  if (known) index = *known;
  else {
    index = hash(&flow) % backend_count;
    bpf_map_update_elem(&flows, &flow, &index, BPF_ANY);
  }
  struct backend *backend = bpf_map_lookup_elem(&backends, &index);
  if (!backend || backend->address == 0) return XDP_DROP;
  __u32 old = ip->destination;
  __u64 sum = (__u16)~ip->checksum;
  sum += (~old & 0xffff) + (~old >> 16);
  sum += (backend->address & 0xffff) + (backend->address >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  ip->checksum = ~sum;
  ip->destination = backend->address;
  udp->checksum = 0;
  __builtin_memcpy(ethernet->source, ethernet->destination, 6);
  __builtin_memcpy(ethernet->destination, backend->mac, 6);
  balanced += 1;
  return XDP_TX;
}

char _license[] SEC("license") = "Dual BSD/GPL";
