/** A way to a TPM 2.0: bare command frames in, bare response frames out, one at a time. */
export interface TpmTransport {
  /**
   * Sends one command frame and returns its response frame.
   *
   * @throws KpsimError `tpm_unavailable` if the TPM cannot be reached; a TPM's own refusal is a response frame
   */
  transmit(command: Buffer): Promise<Buffer>;
  close(): Promise<void>;
}
