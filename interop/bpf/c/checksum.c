#include "../../../examples/bpf/bpf.h"
// The Internet checksum over a packet of any length, in a loop.
SEC("xdp") int checksum(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
  __u32 sum = 0;
#pragma clang loop unroll(disable)
  for (int i = 0; i < 100; i++) {
    if (data + 2 > end) break;
    sum += *(__u16 *)data;
    data += 2;
  }
  sum = (sum & 0xffff) + (sum >> 16);
  return sum + (sum >> 16);
}
char _license[] SEC("license") = "GPL";
