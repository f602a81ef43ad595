/**
 * The smallest encoder of H.264 that any decoder can follow (ITU-T H.264, baseline profile): macroblocks are sent as they
 * are (I_PCM), and those that do not change are skipped. No compression, no loss, no tables.
 */

import { concat } from "../../wire/text.ts";
import { emitBox, uint16, uint32 } from "../bmff/index.ts";
import { BitWriter } from "./bit-writer.ts";

/** Pixels of a macroblock in each direction. */
export const MACROBLOCK = 16;
/** 256 of brightness, and 64 for each colour. */
export const MACROBLOCK_BYTES = 384;

const BASELINE = 66;
/** Constrained baseline. */
const CONSTRAINTS = 0xc0;
/** 3.0: 10 Mbit/s. */
const LEVEL = 30;
const FRAME_NUMBER_BITS = 8;

const SPS = 0x67;
const PPS = 0x68;
const IDR_SLICE = 0x65;
const SLICE = 0x41;

/** Slice types whose slices are all of that type (§7.4.3). */
const P_SLICE = 5;
const I_SLICE = 7;
/** mb_type of I_PCM: 25 in I slices, after five others in P slices (tables 7-11, 7-13). */
const I_PCM = 25;
const I_PCM_IN_P = 30;

export interface Macroblock {
  /** Counted by rows. */
  readonly index: number;
  readonly pixels: Uint8Array;
}

/** A picture of `columns` × `rows` macroblocks. */
export class H264Encoder {
  readonly #columns: number;
  readonly #rows: number;
  #frameNumber = 0;
  #keyframes = 0;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
  }

  /** The `avcC` box (ISO/IEC 14496-15 §5.3.3). */
  configuration(): Uint8Array {
    const sps = this.#sequenceParameters();
    const pps = pictureParameters();
    // Lengths of four bytes before each unit.
    const head = Uint8Array.of(1, BASELINE, CONSTRAINTS, LEVEL, 0xff, 0xe1);
    return emitBox("avcC", head, uint16(sps.length), sps, Uint8Array.of(1), uint16(pps.length), pps);
  }

  /** A keyframe: all macroblocks, in order. */
  keyframe(pixels: readonly Uint8Array[]): Uint8Array {
    this.#frameNumber = 0;
    const bits = new BitWriter();
    this.#sliceHeader(bits, I_SLICE);
    for (const each of pixels) writePcm(bits, I_PCM, each);
    this.#keyframes += 1;
    return unit(IDR_SLICE, bits);
  }

  /** A picture that differs from the one before in these macroblocks, which are in order. */
  difference(changed: readonly Macroblock[]): Uint8Array {
    this.#frameNumber = (this.#frameNumber + 1) % (1 << FRAME_NUMBER_BITS);
    const bits = new BitWriter();
    this.#sliceHeader(bits, P_SLICE);
    let at = 0;
    for (const { index, pixels } of changed) {
      bits.ue(index - at);
      writePcm(bits, I_PCM_IN_P, pixels);
      at = index + 1;
    }
    const skipped = this.#columns * this.#rows - at;
    if (skipped > 0) bits.ue(skipped);
    return unit(SLICE, bits);
  }

  /** §7.3.3. */
  #sliceHeader(bits: BitWriter, type: number): void {
    bits.ue(0); // first_mb_in_slice
    bits.ue(type);
    bits.ue(0); // pic_parameter_set_id
    bits.write(this.#frameNumber, FRAME_NUMBER_BITS);
    if (type === I_SLICE) {
      bits.ue(this.#keyframes % 2); // idr_pic_id: differs from that of the keyframe before
      bits.write(0, 2); // no_output_of_prior_pics, long_term_reference
    } else {
      bits.write(0, 3); // num_ref_idx_active_override, ref_pic_list_modification, adaptive_ref_pic_marking
    }
    bits.ue(0); // slice_qp_delta
    bits.ue(1); // disable_deblocking_filter_idc
  }

  /** §7.3.2.1.1. */
  #sequenceParameters(): Uint8Array {
    const bits = new BitWriter();
    bits.write((BASELINE << 16) | (CONSTRAINTS << 8) | LEVEL, 24);
    bits.ue(0); // seq_parameter_set_id
    bits.ue(FRAME_NUMBER_BITS - 4);
    bits.ue(2); // pic_order_cnt_type: pictures are shown in the order of decoding
    bits.ue(1); // max_num_ref_frames
    bits.write(0, 1); // gaps_in_frame_num_value_allowed
    bits.ue(this.#columns - 1);
    bits.ue(this.#rows - 1);
    bits.write(0b1100, 4); // frame_mbs_only, direct_8x8_inference, no cropping, no VUI
    return unitOf(SPS, bits);
  }
}

/** §7.3.2.2. */
function pictureParameters(): Uint8Array {
  const bits = new BitWriter();
  bits.ue(0); // pic_parameter_set_id
  bits.ue(0); // seq_parameter_set_id
  bits.write(0, 2); // CAVLC, no bottom field order
  bits.ue(0); // num_slice_groups
  bits.ue(0); // num_ref_idx_l0
  bits.ue(0); // num_ref_idx_l1
  bits.write(0, 3); // no weighted prediction
  for (let i = 0; i < 3; i += 1) bits.ue(0); // quantization as it is
  bits.write(0b100, 3); // slices say how they are deblocked; no constrained intra prediction
  return unitOf(PPS, bits);
}

function writePcm(bits: BitWriter, type: number, pixels: Uint8Array): void {
  bits.ue(type);
  bits.align();
  bits.append(pixels);
}

/** A unit without its length. */
function unitOf(header: number, bits: BitWriter): Uint8Array {
  // §7.3.2.11: a 1 and zeros end it.
  bits.write(1, 1);
  bits.align();
  return escaped(concat(Uint8Array.of(header), bits.finish()));
}

function unit(header: number, bits: BitWriter): Uint8Array {
  const bytes = unitOf(header, bits);
  return concat(uint32(bytes.length), bytes);
}

/** §7.4.1: three bytes that look like a start code are kept apart by a 3. */
function escaped(bytes: Uint8Array): Uint8Array {
  // At worst after each two bytes.
  const result = new Uint8Array(bytes.length + (bytes.length >>> 1) + 1);
  let length = 0;
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros === 2 && byte <= 3) {
      result[length] = 3;
      length += 1;
      zeros = 0;
    }
    result[length] = byte;
    length += 1;
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return result.subarray(0, length);
}
