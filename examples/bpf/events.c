// Ring-buffer events: reports TCP packets with SYN, and gives a record back if the packet turns out to be too short.
#include "bpf.h"

struct event { __u32 source, destination; __u16 source_port, destination_port; __u64 length; };

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");

SEC("xdp")
int syn_events(struct xdp_md *context) {
  void *data = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct ethhdr *ethernet = data;
  struct iphdr *ip = (void *)(ethernet + 1);
  if ((void *)(ip + 1) > end || ethernet->protocol != htons(ETH_P_IP) || ip->protocol != IPPROTO_TCP) return XDP_PASS;
  struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) return XDP_ABORTED;
  event->source = ip->source;
  event->destination = ip->destination;
  event->length = end - data;
  struct tcphdr *tcp = (void *)(ip + 1);
  if ((void *)(tcp + 1) > end || !(tcp->flags & htons(0x0002))) {
    bpf_ringbuf_discard(event, 0);
    return XDP_DROP;
  }
  event->source_port = tcp->source;
  event->destination_port = tcp->destination;
  bpf_ringbuf_submit(event, 0);
  return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
