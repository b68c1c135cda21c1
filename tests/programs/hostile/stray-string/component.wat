;; Logs a string that lies outside of its memory. Actions: `misbehave`, and `behave`, which logs one within.
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
    ;; The answer: a word of 8 bytes at 20, and no data.
    (data (i32.const 0) "\14\00\00\00" "\08\00\00\00" "\00")
    (data (i32.const 20) "continue"))
  (core instance $memory (instantiate $memory))
  (core func $log (canon lower (func $host "log") (memory $memory "memory")))

  (core module $code
    (import "memory" "memory" (memory 1))
    (import "host" "log" (func $log (param i32 i32 i32)))
    ;; Where an argument goes: behind all else, and the payload over the action, of which only the length counts.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024))
    (func (export "trigger") (param i32 i32 i32 i32) (result i32)
      (if (i32.eq (local.get 1) (i32.const 6))
        (then (call $log (i32.const 2) (i32.const 20) (i32.const 8)))
        ;; The last byte of the memory, and the next 15.
        (else (call $log (i32.const 2) (i32.const 0xffff) (i32.const 16))))
      (i32.const 0)))
  (core instance $code (instantiate $code
    (with "memory" (instance $memory))
    (with "host" (instance (export "log" (func $log))))))

  (func (export "astrid-hook-trigger")
    (param "action" string) (param "payload" (list u8)) (result $capsule-result)
    (canon lift (core func $code "trigger") (memory $memory "memory") (realloc (func $code "realloc")))))
