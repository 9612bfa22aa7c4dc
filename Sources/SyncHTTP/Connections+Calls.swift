import NIOCore
import SyncCore

/// Starting, cancelling and ending calls.
extension Connections {
    typealias Completion = (Result<HTTPReply, TransportFailure>) -> Void

    struct Call {
        let message: RequestMessage
        let pool: Int
        let totalDeadline: NIODeadline
        let completion: Completion
        var connection: ConnectionID?
        /// Ends a call that waits for a connection; a call with a connection is ended by that connection.
        var timer: Scheduled<Void>?
        /// The failure on a connection that was closed before a byte of a response. The call is repeated once.
        var firstFailure: TransportFailure?
    }

    /// - Parameter completion: called exactly once, in a later turn of the loop.
    func start(_ call: HTTPCall, totalDeadline: NIODeadline, _ completion: @escaping Completion) -> CallID {
        lastCall += 1
        let id = lastCall
        do throws(TransportFailure) {
            guard !isShutDown else { throw .cancelledUnsent }
            let message = try RequestMessage(call)
            let pool = pool(of: message.origin)
            calls[id] = Call(message: message, pool: pool, totalDeadline: totalDeadline, completion: completion)
            perform(pools[pool].callArrived(id, now: .now()))
            limitWaiting(of: id)
        } catch {
            deliver(.failure(error), to: completion)
        }
        return id
    }

    /// Has no effect on a call that has ended.
    func cancel(_ call: CallID) {
        endWaiting(of: call, .cancelledUnsent)
        if let connection = calls[call]?.connection { handlers[connection]?.cancel() }
    }

    /// A call that waits for a connection ends with its total timeout at the latest.
    func limitWaiting(of call: CallID) {
        guard let waiting = calls[call], waiting.connection == nil else { return }
        calls[call]?.timer = loop.assumeIsolated().scheduleTask(deadline: waiting.totalDeadline) { [self] in
            endWaiting(of: call, TransportFailure(.connectTimeout, detail: "no free connection within the total timeout"))
        }
    }

    func endWaiting(of call: CallID, _ failure: TransportFailure) {
        guard let waiting = calls[call], waiting.connection == nil else { return }
        pools[waiting.pool].callGone(call)
        end(call, .failure(failure))
    }

    func end(_ id: CallID, _ result: Result<HTTPReply, TransportFailure>) {
        guard let call = calls.removeValue(forKey: id) else { return }
        call.timer?.cancel()
        guard let firstFailure = call.firstFailure, firstFailure.mayHaveBeenApplied else { return deliver(result, to: call.completion) }
        // If the first attempt may have arrived, a second one that did not arrive, or was refused, does not change that.
        switch result {
        case .success(var reply):
            reply.mayHaveBeenAppliedBefore = true
            deliver(.success(reply), to: call.completion)
        case .failure(let failure) where failure.mayHaveBeenApplied: deliver(result, to: call.completion)
        case .failure(let failure): deliver(.failure(failure.kind == .cancelled ? .cancelled : firstFailure), to: call.completion)
        }
    }

    /// Calls that end in one turn of the loop are completed together in the next one: a completion that starts or cancels calls never runs
    /// in the middle of carrying out a decision.
    private func deliver(_ result: Result<HTTPReply, TransportFailure>, to completion: @escaping Completion) {
        ended.append((result, completion))
        guard ended.count == 1 else { return }
        loop.assumeIsolated().execute { [self] in
            let due = ended
            ended = []
            for (result, completion) in due {
                completion(result.map { ContentCoding.decoded($0, atMost: limits.maximumResponseSize) })
            }
        }
    }
}
