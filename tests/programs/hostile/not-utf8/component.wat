;; Hands over a string that is no UTF-8. Actions: `log`, which logs it; `misbehave`, which answers with it; `behave`.
(component
  (import "astrid:guest/lifecycle@1.0.0" (instance $lifecycle
    (type $record (record (field "action" string) (field "data" (option string))))
    (export "capsule-result" (type (eq $record)))))
  (import "astrid:sys/host@1.0.0" (instance $host
    (type $enum (enum "trace" "debug" "info" "warn" "error"))
    (export "log-level" (type $level (eq $enum)))
    (export "log" (func (param "level" $level) (param "message" string)))))
  (alias export $lifecycle "capsule-result" (type $capsule-result))

  ;; Apart from the guest's code, because what is lowered for that needs it before.
  (core module $memory
    (memory (export "memory") 1)
    ;; The answers: a word of 8 bytes at 40 and no data; a word of 5 at 48 and data of 3 at 53.
    (data (i32.const 0) "\28\00\00\00" "\08\00\00\00" "\00")
    (data (i32.const 20) "\30\00\00\00" "\05\00\00\00" "\01\00\00\00" "\35\00\00\00" "\03\00\00\00")
    (data (i32.const 40) "continue" "final" "\22\ff\22"))
  (core instance $memory (instantiate $memory))
  (core func $log (canon lower (func $host "log") (memory $memory "memory")))

  (core module $code
    (import "memory" "memory" (memory 1))
    (import "host" "log" (func $log (param i32 i32 i32)))
    ;; Where an argument goes: behind all else, and the payload over the action, of which only the length counts.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024))
    (func (export "trigger") (param i32 i32 i32 i32) (result i32)
      (if (i32.eq (local.get 1) (i32.const 3))
        (then (call $log (i32.const 2) (i32.const 53) (i32.const 3))))
      (select (i32.const 20) (i32.const 0) (i32.eq (local.get 1) (i32.const 9)))))
  (core instance $code (instantiate $code
    (with "memory" (instance $memory))
    (with "host" (instance (export "log" (func $log))))))

  (func (export "astrid-hook-trigger")
    (param "action" string) (param "payload" (list u8)) (result $capsule-result)
    (canon lift (core func $code "trigger") (memory $memory "memory") (realloc (func $code "realloc")))))
