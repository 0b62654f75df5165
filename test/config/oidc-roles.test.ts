import t from 'tap'
import { parseOidcRoles } from '../../src/config/oidc-roles.ts'

t.test('a line is a claim, a value, a role and its namespaces', async t => {
  t.same(
    parseOidcRoles('\n  email a@b admin\n\ngroups "Team A" operator x y\nsub * viewer *\nsub c submitter\n'),
    {
      ok: true,
      value: [
        { claim: 'email', value: 'a@b', role: 'admin', namespaces: null },
        { claim: 'groups', value: 'Team A', role: 'operator', namespaces: ['x', 'y'] },
        { claim: 'sub', value: '*', role: 'viewer', namespaces: ['*'] },
        { claim: 'sub', value: 'c', role: 'submitter', namespaces: ['default'] },
      ],
    },
  )
  t.same(parseOidcRoles(''), { ok: true, value: [] })
})

t.test('a line that is not one is named', async t => {
  const wrong: [string, RegExp][] = [
    ['groups a', /is not CLAIM VALUE ROLE, with a role of admin, operator, submitter, viewer/],
    ['groups a runner', /is not CLAIM VALUE ROLE/],
    ['groups "a operator', /cannot be split into words/],
    ['groups a viewer a/b', /a\/b, which is not the name of a namespace/],
    ['groups a admin x', /an admin is one in all of them/],
  ]
  for (const [line, failure] of wrong) t.match(parseOidcRoles(line), { ok: false, failure }, line)
})
