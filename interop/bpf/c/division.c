#include "../../../examples/bpf/bpf.h"
// 64-bit multiplication, division and remainder by numbers from the packet.
SEC("xdp") int division(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
  if (data + 32 > end) return 0;
  __u64 a = *(__u64 *)data, b = *(__u64 *)(data + 8), c = *(__u32 *)(data + 16);
  __u64 d = a / (b | 1) + a % (c | 1) + a * b + (a >> (c & 63));
  return d ^ (d >> 32);
}
char _license[] SEC("license") = "GPL";
