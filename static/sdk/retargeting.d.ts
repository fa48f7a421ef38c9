/** Retargeting web SDK, version 1. */
export interface Options {
  /** The publishable key of the site. */
  key: string;
  /** Where the server is; by default where the script came from. */
  host?: string;
  /** "no": messages are not shown by the SDK; ask for them with `messages`. */
  show?: "no";
  /** What the button that closes a message is called. */
  close?: string;
  /** What is written on a link without a text of its own. */
  open?: string;
}

export interface Message {
  id: string;
  layout: "banner" | "modal";
  title: string;
  body?: string;
  image?: string;
  button?: string;
  link?: string;
}

export type MessageEvent = "displayed" | "clicked" | "dismissed";
export type Value = string | number | boolean | Array<string | number | boolean> | null;

export interface Identity {
  language?: string;
  timeZone?: string;
  /** Only those that the site allows are kept. */
  attributes?: Record<string, Value>;
}

export interface Retargeting {
  init(options: Partial<Options>): void;
  /** Say who the visitor is; `hash` is the HMAC-SHA256 of `user` that your server made with the secret of the site. */
  identify(user: string, hash: string, more?: Identity): Promise<{ push_key: string | null; ignored: string[] }>;
  track(event: string, properties?: Record<string, Value>): Promise<{ accepted: number; duplicates: number; errors: unknown[] }>;
  /** What is to be shown to the visitor now. */
  messages(): Promise<Message[]>;
  report(message: Pick<Message, "id">, event: MessageEvent): Promise<{ accepted: number }>;
  /** Fetch and show what is new. */
  refresh(): Promise<void>;
  registerPush(worker?: string): Promise<"subscribed" | "denied" | "unsupported">;
  unregisterPush(): Promise<boolean>;
  /** Forget the visitor, after they have signed out. */
  reset(): void;
  /** Be told what becomes of messages; returns a function that ends it. */
  on(event: MessageEvent, listener: (message: Message) => void): () => void;
}

declare global {
  interface Window {
    retargeting: Retargeting;
  }
}
