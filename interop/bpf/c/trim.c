#include "../../../examples/bpf/bpf.h"
// Shortens the packet at its tail, and looks at it again.
SEC("xdp") int trim(struct xdp_md *context) {
  if (bpf_xdp_adjust_tail(context, -4)) return XDP_ABORTED;
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
  if (data + 15 > end) return XDP_DROP;
  return data[14];
}
char _license[] SEC("license") = "GPL";
