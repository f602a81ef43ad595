// Receive-side scaling in software: the Toeplitz hash of a flow chooses a processor from an indirection table.
#include "bpf.h"

struct tuple { __u32 source, destination; __u16 source_port, destination_port; };

struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 128); __type(key, __u32); __type(value, __u32); } indirection SEC(".maps");

// Microsoft's verification key, as 32-bit words.
const __u32 key[10] = { 0x6d5a56da, 0x255b0ec2, 0x4167253d, 0x43a38fb0, 0xd0ca2bcb, 0xae7b30b4, 0x77cb2da3, 0x8030f20c, 0x6a42b73b, 0xbeac01fa };

static __always_inline __u32 toeplitz(const __u32 *words) {
  __u32 hash = 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < 3; i++) {
    __u64 window = ((__u64)key[i] << 32) | key[i + 1];
    __u32 word = words[i];
#pragma clang loop unroll(disable)
    for (__u32 bit = 0; bit < 32; bit++) {
      __u32 top = word >> 31;
      // Keeps clang from making a mask of it, which costs the kernel's verifier two paths for each bit.
      asm volatile("" : "+r"(top));
      hash ^= (__u32)(window >> 32) * top;
      word <<= 1;
      window <<= 1;
    }
  }
  return hash;
}

SEC("xdp")
int steer(struct xdp_md *context) {
  void *data = (void *)(long)context->data;
  void *end = (void *)(long)context->data_end;
  struct ethhdr *ethernet = data;
  struct iphdr *ip = (void *)(ethernet + 1);
  struct udphdr *ports = (void *)(ip + 1);
  if ((void *)(ports + 1) > end || ethernet->protocol != htons(ETH_P_IP)) return XDP_PASS;
  __u32 words[3] = { htonl(ip->source), htonl(ip->destination), ((__u32)ntohs(ports->source) << 16) | ntohs(ports->destination) };
  __u32 index = toeplitz(words) & 127;
  __u32 *processor = bpf_map_lookup_elem(&indirection, &index);
  return processor ? XDP_REDIRECT + *processor : XDP_ABORTED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
