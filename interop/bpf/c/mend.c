#include "../../../examples/bpf/bpf.h"
// bpf_csum_diff over a changed address.
SEC("xdp") int mend(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
  if (data + 34 > end) return XDP_PASS;
  __u32 old = *(__u32 *)(data + 30), new = old ^ 0x01000000;
  __s64 sum = bpf_csum_diff(&old, 4, &new, 4, *(__u16 *)(data + 24));
  *(__u32 *)(data + 30) = new;
  *(__u16 *)(data + 24) = sum;
  return sum & 0xffff;
}
char _license[] SEC("license") = "GPL";
