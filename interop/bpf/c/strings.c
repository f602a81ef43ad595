#include "../../../examples/bpf/bpf.h"
// Looks for a word in the payload, one byte at a time.
static const char word[4] = "GET ";
SEC("xdp") int strings(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
#pragma clang loop unroll(disable)
  for (int i = 0; i < 40; i++) {
    if (data + i + 4 > end) return XDP_PASS;
    int j = 0;
    for (; j < 4; j++) if (data[i + j] != (unsigned char)word[j]) break;
    if (j == 4) return XDP_DROP;
  }
  return XDP_PASS;
}
char _license[] SEC("license") = "GPL";
