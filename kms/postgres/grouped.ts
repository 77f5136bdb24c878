interface Waiting<Q, A> {
  readonly question: Q;
  readonly resolve: (answer: A) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Answers many questions with one call: what queues up while all lanes are busy goes together as soon as one is free.
 * A question never joins a call that is under way already, so its answer is no older than the question.
 */
export class Grouped<Q, A> {
  readonly #call: (questions: readonly Q[]) => Promise<readonly A[]>;
  readonly #lanes: number;
  readonly #limit: number;
  readonly #calls = new Set<Promise<void>>();
  #waiting: Waiting<Q, A>[] = [];

  /**
   * @param call answers in the order of the questions; if it rejects, all of them do
   * @param options `lanes`: calls under way at once; `limit`: questions of one call
   */
  constructor(
    call: (questions: readonly Q[]) => Promise<readonly A[]>,
    options: { readonly lanes: number; readonly limit: number },
  ) {
    this.#call = call;
    this.#lanes = options.lanes;
    this.#limit = options.limit;
  }

  /** Asks one question. */
  ask(question: Q): Promise<A> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      this.#start();
    });
  }

  /** Waits for all calls, those of questions that still queue included. */
  async settled(): Promise<void> {
    while (this.#calls.size > 0) await Promise.all(this.#calls);
  }

  #start(): void {
    while (this.#waiting.length > 0 && this.#calls.size < this.#lanes) {
      const group = this.#waiting.splice(0, this.#limit);
      const call = this.#run(group).finally(() => {
        this.#calls.delete(call);
        this.#start();
      });
      this.#calls.add(call);
    }
  }

  async #run(group: readonly Waiting<Q, A>[]): Promise<void> {
    try {
      const answers = await this.#call(group.map(({ question }) => question));
      // As many answers as questions, in their order: that is what `call` promises.
      for (const [index, waiting] of group.entries()) waiting.resolve(answers[index] as A);
    } catch (error) {
      for (const waiting of group) waiting.reject(error);
    }
  }
}
