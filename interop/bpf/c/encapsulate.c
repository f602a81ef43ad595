#include "../../../examples/bpf/bpf.h"
// Grows the packet at its head, and writes an outer header.
SEC("xdp") int encapsulate(struct xdp_md *context) {
  if (bpf_xdp_adjust_head(context, -20)) return XDP_ABORTED;
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
  if (data + 54 > end) return XDP_DROP;
  __builtin_memcpy(data, data + 20, 14);
  struct iphdr *outer = (void *)(data + 14);
  outer->version_length = 0x45; outer->ttl = 64; outer->protocol = 4;
  outer->total_length = htons(end - data - 14);
  return XDP_TX;
}
char _license[] SEC("license") = "GPL";
