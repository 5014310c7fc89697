// Asks IAM's rules, as the package iam-simulate has them, whether requests are allowed.
import { readFileSync } from 'node:fs';
import { runSimulation } from '@cloud-copilot/iam-simulate';

const answer = [];
for (const { policy, action, resource, context } of JSON.parse(readFileSync(0, 'utf8'))) {
    const result = await runSimulation({
        request: { action, principal: 'arn:aws:iam::123456789012:role/blox', contextVariables: context,
            resource: { resource, accountId: '123456789012' } },
        identityPolicies: [{ name: 'role', policy }], serviceControlPolicies: [], resourceControlPolicies: [],
    }, {});
    answer.push(result.resultType === 'error' ? `error: ${JSON.stringify(result.errors)}` : result.overallResult ?? result.analysis?.result ?? JSON.stringify(result).slice(0, 300));
}
process.stdout.write(JSON.stringify(answer));
