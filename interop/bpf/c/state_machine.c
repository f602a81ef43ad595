#include "../../../examples/bpf/bpf.h"
// A switch over the bytes of a packet, with state in a global variable.
__u32 state = 1;
__u32 table[4] = { 3, 5, 7, 11 };
SEC("xdp") int state_machine(struct xdp_md *context) {
  unsigned char *data = (void *)(long)context->data;
  unsigned char *end = (void *)(long)context->data_end;
#pragma clang loop unroll(disable)
  for (int i = 0; i < 24; i++) {
    if (data + i + 1 > end) break;
    switch (data[i] & 7) {
      case 0: state += 1; break;
      case 1: state ^= data[i]; break;
      case 2: state *= table[data[i] >> 6]; break;
      case 3: state = state << 3 | state >> 29; break;
      case 5: state /= 3; break;
      default: state -= i;
    }
  }
  return state;
}
char _license[] SEC("license") = "GPL";
