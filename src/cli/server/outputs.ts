import {
  type CommandOutputs,
  either,
  flag,
  nothing,
  object,
  oneOf,
  text,
  time,
  whole,
} from '../json-schema.ts'

/** The schemas of the output of `--json`, for each command of the server. */
export const outputs: CommandOutputs = {
  server: {
    about:
      'Its address, the kind of its store, and the files with the first tokens, ' +
      'once it has started. Its log on standard error is one object a line: ' +
      '`at`, `level`, `message`, and facts.',
    schema: object({
      url: text,
      store: oneOf('sqlite', 'postgres'),
      version: text,
      admin_token_file: text,
      registration_token_file: text,
    }),
  },
  'server backup': {
    about: 'The file, its size, and whether it is sealed to a public key.',
    schema: object({ file: text, bytes: whole, sealed: flag }),
  },
  'server restore': {
    about: 'The file, and whether the next start of the server makes new tokens.',
    schema: object({ file: text, makes_tokens: flag }),
  },
  'server rekey': {
    about: 'The number of texts that were sealed anew, and the files of the new key and of the former one.',
    schema: object({
      outcome: oneOf('rekeyed', 'completed'),
      forgotten: flag,
      rows: whole,
      sealed: whole,
      key_file: text,
      former_key_file: either(text, nothing),
    }),
  },
  'server move': {
    about:
      'The counts of moved things, and the settings that name their new place; ' +
      'or the note that a move has been taken back.',
    schema: either(
      object({
        outcome: oneOf('moved', 'completed'),
        restarted: flag,
        rows: whole,
        log_bytes: whole,
        damaged_rows: whole,
        missing_log_bytes: whole,
        from: text,
        to: text,
        configuration: object({ database: text, key_file: text, data_dir: text }),
      }),
      object({ outcome: oneOf('undone'), from: text, to: text, moved_at: time }),
    ),
  },
}
