#include "../../../examples/bpf/bpf.h"
// A queue of seen lengths: each packet pushes its own and takes the oldest when there are four.
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 4); __type(value, __u32); } lengths SEC(".maps");
SEC("xdp") int queue(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
  __u32 length = end - data, oldest = 0;
  if (bpf_map_push_elem(&lengths, &length, 0)) {
    bpf_map_pop_elem(&lengths, &oldest);
    bpf_map_push_elem(&lengths, &length, 0);
  }
  return oldest;
}
char _license[] SEC("license") = "GPL";
