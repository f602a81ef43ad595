#include "../../../examples/bpf/bpf.h"
// A hash of counters by source, with insertion, atomic addition and deletion of large ones.
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 32); __type(key, __u32); __type(value, __u64); } sources SEC(".maps");
SEC("xdp") int counters(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
  if (data + 34 > end) return XDP_DROP;
  __u32 key = *(__u32 *)(data + 26);
  __u64 one = 1, *count = bpf_map_lookup_elem(&sources, &key);
  if (!count) return bpf_map_update_elem(&sources, &key, &one, BPF_NOEXIST) ? XDP_ABORTED : XDP_PASS;
  if (__sync_fetch_and_add(count, 1) < 5) return XDP_TX;
  bpf_map_delete_elem(&sources, &key);
  return XDP_DROP;
}
char _license[] SEC("license") = "GPL";
