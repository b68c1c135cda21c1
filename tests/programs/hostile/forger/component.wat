;; Says what looks like lines of the host's: in a reason, in a function's name, and in what it tells of itself. Actions:
;; `misbehave`, which traps, `deny`, and `behave`.
(component
  (import "astrid:guest/lifecycle@1.0.0" (instance $lifecycle
    (type $record (record (field "action" string) (field "data" (option string))))
    (export "capsule-result" (type (eq $record)))))
  (alias export $lifecycle "capsule-result" (type $capsule-result))

  (core module $code
    (memory (export "memory") 1)
    ;; The answers: `continue` at 40, with no data; `deny` at 48, with 26 bytes of data at 80.
    (data (i32.const 0) "\28\00\00\00" "\08\00\00\00" "\00")
    (data (i32.const 20) "\30\00\00\00" "\04\00\00\00" "\01\00\00\00" "\50\00\00\00" "\1a\00\00\00")
    (data (i32.const 40) "continue" "deny")
    (data (i32.const 80) "no\nfinal {\"forged\": \"yes\"}")
    ;; Where an argument goes: behind all else, and the payload over the action, of which only the length counts.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024))
    (func $"trigger\nerror: a forged error" (export "trigger") (param i32 i32 i32 i32) (result i32)
      (if (i32.eq (local.get 1) (i32.const 9))
        (then unreachable))
      (select (i32.const 20) (i32.const 0) (i32.eq (local.get 1) (i32.const 4))))
    (@custom "astrid:exports" "{\"v\": 1, \"sdk\": \"1.0.0\\nsource   forged\", \"crate\": \"forger\", \"exports\": [\"astrid-hook-trigger\"], \"handlers\": [{\"action\": \"behave\\n  forged               called directly\"}, {\"action\": \"behave\"}, {\"action\": \"deny\"}, {\"action\": \"misbehave\"}]}"))
  (core instance $code (instantiate $code))

  (func (export "astrid-hook-trigger")
    (param "action" string) (param "payload" (list u8)) (result $capsule-result)
    (canon lift (core func $code "trigger") (memory $code "memory") (realloc (func $code "realloc")))))
